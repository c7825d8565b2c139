#: no/such/file
/payload/bin/subject stats
