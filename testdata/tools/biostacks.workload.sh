#: events: 5
/bin/dd if=/dev/zero of=/dev/nullb0 bs=4096 count=5 oflag=direct
