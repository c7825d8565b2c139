#: CAP_SETUID
/payload/bin/subject ids
