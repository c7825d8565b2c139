/payload/bin/subject drop
