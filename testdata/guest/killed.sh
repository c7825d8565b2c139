# A tracer that is killed leaves nothing behind in the kernel.
count() { # what is loaded and attached: programs, links, probe events
  bpftool prog list 2>/dev/null | grep -c '^[0-9]'
  bpftool link list 2>/dev/null | grep -c '^[0-9]'
  cat /sys/kernel/tracing/kprobe_events /sys/kernel/tracing/uprobe_events | wc -l
}
before=$(count | tr '\n' ' ')
trace out-k err-k 120 btc -e 'kprobe:vfs_read { @ = count(); } kretprobe:vfs_read { @r = count(); }
  tracepoint:syscalls:sys_enter_read { @t = count(); } uprobe:/payload/bin/allocate:take { @u = count(); }
  interval:ms:50 { @i = count(); } profile:hz:9 { @p = count(); }'
during=$(count | tr '\n' ' ')
if [ "$before" = "$during" ]; then echo "nothing was attached ($before)"; cat err-k; exit 1; fi
kill -KILL $tracer; wait $tracer 2>/dev/null
# The kernel frees programs after a grace period.
i=0
while [ "$(count | tr '\n' ' ')" != "$before" ]; do
  if [ $i -ge 100 ]; then
    echo "programs, links, events before: $before; attached: $during; after the kill: $(count | tr '\n' ' ')"
    bpftool prog list; bpftool link list
    exit 1
  fi
  sleep 0.1; i=$((i + 1))
done
