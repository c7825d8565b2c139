/payload/bin/subject naps
