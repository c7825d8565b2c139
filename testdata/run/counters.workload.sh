allocate -b 200 4096
sleep 2
