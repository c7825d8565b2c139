#: setresuid ruid=12
/payload/bin/subject ids
