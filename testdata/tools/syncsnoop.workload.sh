#: sync_file_range
/payload/bin/subject syncs
