# A function of the kernel that shares its name with others: a typed probe sees one of them, which is told; a kprobe is refused.
bad=0 tried=0
for name in $(awk 'NF == 3 && ($2 == "t" || $2 == "T") { print $3 }' /proc/kallsyms | sort | uniq -d | grep '^[a-z][a-z0-9_]*_show$'); do
  timeout 60 btc -e "fentry:$name { @ = count(); } BEGIN { exit(); }" > printed 2> said < /dev/null || continue
  tried=1
  grep -q "functions of this kernel are called \`$name\`, and only one of them was traced" said || { echo "fentry:$name"; cat said; bad=1; }
  timeout 60 btc -e "kprobe:$name { @ = count(); } BEGIN { exit(); }" > printed 2> said < /dev/null && { echo "kprobe:$name is attached"; bad=1; }
  grep -q 'several functions of this kernel have that name' said || { echo "kprobe:$name"; cat said; bad=1; }
  # Many functions of one link are told to the kernel by their names, too (Linux 5.18).
  timeout 60 btc -e "kprobe:$(echo $name | cut -c 1-$((${#name} - 1)))?,kprobe:vfs_rea[dx] { @ = count(); } BEGIN { exit(); }" > printed 2> said < /dev/null
  if grep -q WARNING said; then grep -q "functions of this kernel are called\|several functions" said || { echo "kprobe:…?"; cat said; bad=1; }; fi
  break
done
# Newer kernels leave such functions out of their types.
[ $tried = 1 ] || { echo 'no function of this kernel with known types shares its name'; exit 77; }
timeout 60 btc -e 'fentry:vfs_read { @ = count(); } BEGIN { exit(); }' > printed 2> said < /dev/null
grep -q WARNING said && { echo 'fentry:vfs_read'; cat said; bad=1; }
exit $bad
