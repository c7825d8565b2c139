# Functions of a wildcard that refuse are left out, and all others attached, whichever they are among: the list
# is the user's own and names some that do not exist.
{
  for n in 1 2 3; do echo "vfs_no_such_$n"; done
  echo vfs_mkdir
  for n in 4 5; do echo "vfs_no_such_$n"; done
  echo vfs_open; echo vfs_unlink
  echo vfs_no_such_6
} > list
trace out-h err-h 120 btc --traceable-functions list -e 'kprobe:vfs_* /comm == "mkdir" || comm == "cat"/ { @[comm, func] = count(); }'
/bin/mkdir folder; /bin/cat list > /dev/null
kill -TERM $tracer; wait $tracer
bad=0
for line in '@[mkdir, vfs_mkdir]: 1' '@[cat, vfs_open]: 1'; do
  grep -qxF "$line" out-h || { echo "expected $line"; bad=1; }
done
grep -qx 'Attached 3 probes' err-h || { echo 'expected three probes'; bad=1; }
grep -q 'vfs_no_such_.*it and 5 more are left out' err-h || { echo 'expected to be told of six'; bad=1; }
[ $bad = 0 ] || cat out-h err-h
exit $bad
