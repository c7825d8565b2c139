#: vfs_create: 5
/payload/bin/subject nodes
sleep 2
