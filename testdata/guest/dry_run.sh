# A dry run attaches nothing, and tells all the same what cannot be attached because it is not there.
bad=0
for probe in kprobe:no_such_function kretprobe:no_such_function rawtracepoint:no_such_event; do
  # Compiled without this kernel's lists, so that the compiler does not tell.
  btc compile --btf /sys/kernel/btf/vmlinux -e "$probe { @ = count(); }" -o lacking.o > said 2>&1 || { cat said; exit 1; }
  timeout 60 btc run --dry-run lacking.o > said 2>&1 < /dev/null && { echo "$probe: no error"; bad=1; continue; }
  [ "$(grep -c ERROR said)" = 1 ] && grep -q "ERROR: [^ ]*: cannot attach .*no_such_" said || { cat said; bad=1; }
done
for probe in kprobe:vfs_read kretprobe:vfs_read rawtracepoint:sched_switch; do
  btc compile --btf /sys/kernel/btf/vmlinux -e "$probe { @ = count(); }" -o there.o
  timeout 60 btc run --dry-run there.o > said 2>&1 < /dev/null || { cat said; bad=1; }
done
exit $bad
