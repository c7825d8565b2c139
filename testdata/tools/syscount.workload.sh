/payload/bin/subject calls
