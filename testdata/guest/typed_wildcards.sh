# Of the functions that a wildcard matches some must not be traced by typed programs, or have types and no address (the compiler
# took `name` apart, and calls it `name.isra.0`): they are left out and told, wherever in the list they stand.
bad=0
# The newest kernel has the first in its types, and only `ext4_mpage_readpages.isra.0` in its code; the second is on the
# verifier's list of those that are never traced, from Linux 5.16 on.
for refused in ext4_mpage_readpages migrate_disable; do
  case $refused in
    ext4*) grep -q " $refused\.isra\.0$" /proc/kallsyms && ! grep -q " $refused$" /proc/kallsyms || continue;;
    *) grep -qx $refused /sys/kernel/tracing/available_filter_functions || continue;;
  esac
  printf '%s\nno_such_function\nvfs_read\nvfs_readv\n' $refused > list
  timeout 120 btc --traceable-functions list -e 'fentry:* { @[func] = count(); } interval:s:1 { exit(); }' > said 2>&1 < /dev/null || bad=1
  # The interval is one.
  grep -q 'Attached 3 probes' said && grep -q "cannot attach fentry:vmlinux:$refused: .*it is left out" said || bad=1
  [ $bad = 0 ] || { cat said; break; }
done
exit $bad
