calls 5
calls 4 x86
