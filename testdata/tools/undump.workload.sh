/payload/bin/subject unix
