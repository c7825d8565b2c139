/payload/bin/subject ids
