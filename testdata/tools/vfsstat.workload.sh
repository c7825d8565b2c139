/payload/bin/subject syncs
sleep 2
