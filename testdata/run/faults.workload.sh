# Each new page is touched once.
allocate -b 200 4096
