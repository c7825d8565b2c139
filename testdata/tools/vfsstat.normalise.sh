# Seconds begin at different times for each, and each sees its own reads: the sum of one stays.
awk '/^@\[vfs_fsync\]/ { sum += $NF } /^Tracing/ { print } /^@\[vfs_(open|read|write)\]/ { seen[substr($1, 1, 8)] = 1 }
  END { print "vfs_fsync:", sum; n = 0; for (key in seen) n++; print n, "others" }'
