allocate 7 64
allocate 5 128
