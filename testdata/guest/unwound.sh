# Stacks of code without frame pointers, by unwind tables: from registers of user code, of a task in the kernel and of
# an interrupted one; of a child, of a process that runs already, and of one that nobody named.
bad=0
config='config = { unstable_dw_ustack = enable; show_debug_info = false }'
wrong() { echo "$@"; cat out-u err-u; bad=1; }
in_order() { # FUNCTION...: a stack in out-u goes through them
  tr -d '\n' < out-u > line
  shape=$(printf '%s[+][^[]*' "$@")
  grep -q "$shape" line || wrong "$what: no stack goes through $*"
}
child() { # COMMAND SCRIPT: of a child's
  what="$2"
  timeout 120 btc -q -c "$1" -e "$config $2" > out-u 2> err-u < /dev/null || wrong "$what: exit code $?"
}
for program in unwound unwound-shared; do
  child "$program" "uprobe:/payload/bin/$program:inner { @[dw_ustack] = count(); }"
  in_order inner middle compare outer main _start
  in_order inner on_signal main _start
  child "$program" 'tracepoint:syscalls:sys_enter_getppid /pid == cpid/ { @[dw_ustack] = count(); }'
  in_order inner middle compare outer main _start
done
child unwound 'kprobe:do_exit /pid == cpid/ { @[dw_ustack(100)] = count(); }'
in_order main _start
child 'unwound 0' 'profile:hz:99 /pid == cpid/ { @[dw_ustack] = count(); }'
in_order inner middle compare outer main _start
# What an unrolled loop and one of many rounds leave of the verifier's patience.
child unwound 'tracepoint:syscalls:sys_enter_getppid /pid == cpid/ { $i = 0;
  while ($i < 20) { if ($i > 18) { @[$i, dw_ustack(perf, 20), dw_ustack] = count(); } $i++; } @last[dw_ustack(3), ustack] = count(); }'
in_order middle compare outer main

script='uprobe:/payload/bin/unwound-shared:inner { @[dw_ustack] = count(); }'
unwound-shared 100000 & running=$!
for name in -p --dwarf-pid; do
  what="$name: $script"
  trace out-u err-u 120 btc $name $running -e "$config $script"
  sleep 1; kill -TERM $tracer; wait $tracer
  in_order inner middle compare outer main
done
what='a process that nobody named'
trace out-u err-u 120 btc --dwarf-pid $$ -e "$config $script"
sleep 1; kill -TERM $tracer; wait $tracer
grep -q 'without unwind tables' err-u || wrong "$what: not told"
kill $running
exit $bad
