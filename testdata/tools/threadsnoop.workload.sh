/payload/bin/subject threads
