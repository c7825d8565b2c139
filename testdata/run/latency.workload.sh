dd if=/dev/zero of=/dev/null bs=64k count=100 2> /dev/null
