#: @syscall[121]: 20000
/payload/bin/subject calls
