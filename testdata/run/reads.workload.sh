# dd reads a block at a time: 25 blocks.
dd if=/dev/zero of=/dev/null bs=512 count=25 2> /dev/null
