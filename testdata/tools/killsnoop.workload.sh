#: SIGTERM
/payload/bin/subject kills
