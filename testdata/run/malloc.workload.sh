allocate-shared 50 1000
