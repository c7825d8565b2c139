#: 1.005
/payload/bin/subject naps
