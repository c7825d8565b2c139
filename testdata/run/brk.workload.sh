allocate -b 9 4096
