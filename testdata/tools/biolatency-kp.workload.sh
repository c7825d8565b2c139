#: events: 37
/bin/dd if=/dev/zero of=/dev/nullb0 bs=4096 count=37 oflag=direct
