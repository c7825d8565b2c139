#: one\x09two\x01
/payload/bin/subject unix
