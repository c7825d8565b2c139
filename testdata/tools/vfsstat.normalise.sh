# Seconds begin at different times for each, and each sees its own reads: the sum of one stays.
awk '/^@\[vfs_create\]/ { sum += $NF } /^Tracing/ { print } /^@\[vfs_(open|read|write)\]/ { seen[$1] = 1 }
  END { print "vfs_create:", sum; n = 0; for (key in seen) n++; print n, "others" }'
