/payload/bin/subject syncs
