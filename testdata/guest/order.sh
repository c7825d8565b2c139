# Actions at one place run in the order of the script, whatever the kind of probe, and an exit() in the last takes nothing
# from the first ones; BEGIN has run before anything else can. A table says what was seen: also run on the test's own
# machine, where BTC and ORDERED tell where the programs are, and LACKS what its kernel need not have.
btc=${BTC:-btc} ordered=${ORDERED:-/payload/bin/ordered} bad=0
# Alone: timers of one period fire in the order of the script only where none of them waits for a CPU that stands still.
run() { # SCRIPT COMMAND: what it printed is in out-o; fails where the kernel lacks the kind
  timeout 60 $btc -q -c "$2" -e "config = { print_maps_on_exit = false } $1" > out-o 2> err-o < /dev/null && return
  grep -c 'ERROR: ' err-o | grep -qx 1 && ! grep -q 'bug of btc' err-o || { echo "FAILED: $1"; cat out-o err-o; bad=1; }
  return 1
}
seen() { # once|KIND: what is in out-o, which must be 123, just once or again and again
  text=$(tr -d '\n' < out-o)
  # Timers go on while they are detached, one after the other.
  case $1 in once) times='123';; interval*|profile) times='(123)+[123]{0,2}';; *) times='(123)+';; esac
  if echo "$text" | grep -qxE "$times"; then echo ok; else echo "$text" | cut -c 1-30; fi
}
ordered() { # KIND once|KIND SCRIPT COMMAND: the word for what was seen; of timers at the third try, for a CPU may stand still
  run "$3" "$4" || return
  word=$(seen "$2")
  case $1 in interval*|profile)
    for again in 2 3; do [ "$word" = ok ] || { run "$3" "$4" && word=$(seen "$2"); }; done;;
  esac
  [ "$word" = ok ] || : > wrong
}
script() { # PROBE PROBE PROBE FILTER STATEMENT
  echo "$1 $4 { print(1); } $2 $4 { print(2); } $3 $4 { print(3); $5 }"
}
first() { # PROBE [OWN]: events come all the time while the tracer attaches and detaches; the word for what it counted
  $ordered 0 & load=$!
  timeout 60 $btc -q -e "begin { @begun = 1; } $1 ${2:+/pid == $load/} { if (@begun) { @n++; } else { @early++; } }
    interval:ms:100 /@n + @early > 0/ { exit(); } end { printf(\"end %d\\n\", @n); }" > out-o 2> err-o < /dev/null
  kill $load; wait $load 2> /dev/null
  n=$(sed -n 's/^@n: //p' out-o)
  if [ -n "$n" ] && grep -qx "end $n" out-o && ! grep -q early out-o; then echo ok; return; fi
  echo "$(tr '\n' ' ' < out-o)$(cat err-o)"
  : > wrong
}
row() { # KIND COMMAND FILTER SINGLE [WILDCARD [FREQUENT]]
  s=$4 w=${5:-$4} line="$1:"
  if ordered "$1" once "$(script "$s" "$s" "$s" "$3" 'exit();')" "$2"; then line="$line exit=$word"; else
    echo "$line lacking"
    case " $LACKS " in *" $1 "*) ;; *) cat err-o; : > wrong;; esac
    return
  fi
  ordered "$1" "$1" "$(script "$w" "$w" "$w" "$3")" "$2" && line="$line alike=$word"
  if [ "$s" != "$w" ] && ordered "$1" "$1" "$(script "$s" "$w" "$s" "$3")" "$2"; then line="$line mixed=$word"; fi
  case $1 in begin|end|self|iter) ;; *) line="$line first=$(first "${6:-$w}" "$3")";; esac
  echo "$line"
}
rounds="$ordered 3"
mine='/pid == cpid/'
row begin "$rounds" '' begin
row end "$rounds" '' end
row self "sh -c 'kill -USR1 \$PPID; sleep 1'" '' self:signal:SIGUSR1
row kprobe "$rounds" "$mine" kprobe:vfs_mkdir 'kprobe:vfs_mk*'
row kretprobe "$rounds" "$mine" kretprobe:vfs_mkdir 'kretprobe:vfs_mk*'
row fentry "$rounds" "$mine" fentry:vfs_mkdir 'fentry:vfs_mk*'
row fexit "$rounds" "$mine" fexit:vfs_mkdir 'fexit:vfs_mk*'
row tracepoint "$rounds" "$mine" tracepoint:sched:sched_process_exit 'tracepoint:sched:sched_process_*it' tracepoint:raw_syscalls:sys_enter
row syscall "$rounds" "$mine" tracepoint:syscalls:sys_enter_getppid 'tracepoint:syscalls:sys_enter_getp*'
# So many that the runtime puts them together.
row syscalls "$rounds" "$mine" tracepoint:syscalls:sys_enter_getppid 'tracepoint:syscalls:sys_enter_get[a-qs-z]*'
row rawtracepoint "$rounds" "$mine" rawtracepoint:sched_process_exit 'rawtracepoint:sched_process_*it' 'rawtracepoint:sys_e*'
row uprobe "$rounds" "$mine" "uprobe:$ordered:take" "uprobe:$ordered:take*"
row uretprobe "$rounds" "$mine" "uretprobe:$ordered:take" "uretprobe:$ordered:take*"
row usdt "$rounds" "$mine" "usdt:$ordered:demo:taken" "usdt:$ordered:demo:tak*"
row software "$rounds" "$mine" software:page-faults:1
row interval "$ordered 5 100" '' interval:ms:20
row interval-hz "$ordered 5 100" '' interval:hz:50 interval:ms:20
# A busy process: only what runs in it counts.
row profile "$ordered 20000" '' profile:hz:50 '' profile:hz:999
if [ -n "$BTC" ]; then row watchpoint "$rounds" "$mine" watchpoint:0x20000000:8:w; else
  # Of several on one address an emulated processor tells the first.
  echo "watchpoint: first=$(first watchpoint:0x20000000:8:w "$mine")"
fi
row iter "$ordered 1 1000" '/ctx->task != 0 && ctx->task->pid == cpid/' iter:task
# What an exit() leaves out: the rest of the place, and all that comes after BEGIN.
run "uprobe:$ordered:take { print(1); exit(); } uprobe:$ordered:take { print(2); }" "$rounds"
[ "$(cat out-o)" = 1 ] || { echo "exit() in the first: $(cat out-o)"; bad=1; }
run "begin { print(1); exit(); } begin { print(2); } uprobe:$ordered:take { print(3); } end { print(4); }" "$rounds"
[ "$(tr -d '\n' < out-o)" = 14 ] || { echo "exit() in BEGIN: $(cat out-o)"; bad=1; }
# A walk that has begun is finished, but nothing of it is printed any more, and no other one begins.
walk='iter:task { @n = count(); print(1); exit(); } iter:task { @m = count(); }'
if timeout 60 $btc -q -e "$walk" > out-o 2> err-o < /dev/null; then
  grep -qE '^@n: [0-9]{2,}' out-o && [ "$(grep -c '^1$' out-o)" = 1 ] && ! grep -q '^@m' out-o || { echo 'the walk:'; cat out-o err-o; bad=1; }
else
  case " $LACKS " in *' iter '*) ;; *) cat err-o; bad=1;; esac
fi
[ ! -e wrong ] || bad=1
exit $bad
