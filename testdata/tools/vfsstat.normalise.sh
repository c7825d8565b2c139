# Seconds begin at different times for each, and each sees its own reads. What is counted while bpftrace is between
# print() and clear() it never shows: what stays is that files were made, and not more than were.
awk '/^@\[vfs_create\]/ { sum += $NF } /^Tracing/ { print } /^@\[vfs_(open|read|write)\]/ { seen[$1] = 1 }
  END { print "vfs_create:", (sum > 0 && sum <= 20) ? "yes" : sum; n = 0; for (key in seen) n++; print n, "others" }'
