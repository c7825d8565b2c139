#: dd
/bin/dd if=/dev/zero of=/dev/nullb0 bs=4096 count=5 oflag=direct
/bin/dd if=/dev/nullb0 of=/dev/null bs=64k count=2 iflag=direct
