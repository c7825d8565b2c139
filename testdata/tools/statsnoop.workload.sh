/payload/bin/subject stats
