# Wildcards of typed probes reach modules' functions: of one module, of all by a pattern, and where no module is written.
if [ ! -e /sys/kernel/btf/dummy ]; then echo 'modules have types from Linux 5.11 on'; exit 77; fi
script='fentry:dummy:dummy_* /comm == "ping"/ { @entered[probe, func] = count(); }
fexit:*:dummy_x* /comm == "ping"/ { @left[probe] = count(); }
fentry:dummy_* /comm == "ping"/ { @any[probe] = count(); }
fexit:dumm[y]:dummy_xmit /comm == "ping"/ { @exact[probe] = count(); }'
bad=0
expect() { # WHAT LINE...: what must be in the output
  what=$1; shift
  for line in "$@"; do
    grep -qxF "$line" out-w || { echo "$what: expected $line"; cat out-w err-w; bad=1; }
  done
}
beside() { # COMMAND...: the tracer while packets are sent and a folder is made
  trace out-w err-w 120 "$@"
  sh /payload/cases/modules.workload.sh > /dev/null
  /bin/mkdir made; rmdir made
  kill -TERM $tracer; wait $tracer
}
# Elsewhere there are the kernel's types only.
mkdir types; cp /sys/kernel/btf/vmlinux types/
btc compile --btf types/vmlinux -e "$script" -o elsewhere.o || exit 1
printf '%s\n' "$script" > script.bt
for what in script.bt elsewhere.o; do
  beside btc run "$what"
  expect "$what" '@entered[fentry:dummy:dummy_xmit, dummy_xmit]: 2' '@left[fexit:dummy:dummy_xmit]: 2' \
    '@any[fentry:dummy:dummy_xmit]: 2' '@exact[fexit:dummy:dummy_xmit]: 2'
done
# The kernel's functions and a module's in one probe: whichever the program is loaded for, the other has a copy.
kernel=vfs_mkdir module='dummy_xmit [dummy]'
printf '%s\n' "$kernel" "$module" > kernel-first; printf '%s\n' "$module" "$kernel" > module-first
for first in kernel-first module-first; do
  beside btc --traceable-functions $first -e 'fentry:* /comm == "ping" || comm == "mkdir"/ { @[comm, probe] = count(); }'
  expect $first '@[ping, fentry:dummy:dummy_xmit]: 2' '@[mkdir, fentry:vmlinux:vfs_mkdir]: 1'
done
for search in 'fentry:dummy:*' 'fentry:*:dummy_xmit' 'fentry:dummy_*'; do
  btc -l "$search" > listed
  grep -qxF 'fentry:dummy:dummy_xmit' listed || { echo "$search: not listed"; cat listed; bad=1; }
done
btc -l 'fexit:dummy:*' | grep -v '^fexit:dummy:' && { echo 'other functions than the module'"'"'s are listed'; bad=1; }
timeout 60 btc -e 'fentry:dummy:no_such_* { @ = 1; }' > said 2>&1 < /dev/null && { echo 'found what is not there'; bad=1; }
[ "$(grep -c 'ERROR: ' said)" = 1 ] && grep -q 'fentry:dummy:no_such_\*' said || { echo 'not one error'; cat said; bad=1; }
exit $bad
