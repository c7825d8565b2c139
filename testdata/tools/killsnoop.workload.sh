/payload/bin/subject kills
