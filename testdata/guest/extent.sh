# Two processes do the same; with -p and -c only one of them is counted, with all its threads, whatever the kind of probe.
twin=/payload/bin/twin count=20
# Threads that were there, one that came later.
all=$((3 * count))
bad=0 row=''
say() { echo "$1"; cat out-x err-x 2>/dev/null; bad=1; }
start() { # so that $first and $second wait with their threads there
  $twin $count 1 > addresses & first=$!
  $twin $count 1 > /dev/null & second=$!
  while [ ! -s addresses ]; do sleep 0.1; done
  sleep 0.3
  read -r cell marked < addresses
}
missed() { # events that the tracer told as missed
  sed -n 's/.*: \([0-9]*\) events* w[a-z]* missed: .*/\1/p' err-x | awk '{ n += $1 } END { print n + 0 }'
}
judge() { # NAME WANTED HOW: what was counted; WANTED is a number, + for some, > for that many or more, ~ for all but a few
  own=$(sed -n 's/^@own: //p' out-x) other=$(sed -n 's/^@other: //p' out-x)
  # Words of the tracer alone may tell why there is nothing.
  if [ -z "$own" ] && grep -q 'left out\|cannot attach' err-x; then
    row="$row $1$3:none"
    case $1 in hardware) ;; *) say "$1$3: not attached" ;; esac
    return
  fi
  row="$row $1$3:${own:-0}"
  [ -z "$other" ] || say "$1$3: the other process was counted, $other times"
  case $2 in
    +) [ "${own:-0}" -gt 0 ] || say "$1$3: nothing was counted" ;;
    # An emulated processor loses one in some thousands of these, without a tracer and without BPF, too.
    '~') [ "${own:-0}" -le $all ] && [ "${own:-0}" -ge $((all - 3)) ] || say "$1$3: ${own:-0}, not about $all" ;;
    '>') [ "${own:-0}" -ge $all ] || say "$1$3: $own, fewer than $all" ;;
    # A task may be preempted in a program (Linux 7), and then no other runs it on that CPU, which is told.
    *) [ "${own:-0}" -le "$2" ] && [ $((${own:-0} + $(missed))) -ge "$2" ] || say "$1$3: ${own:-0} and $(missed) missed, not $2" ;;
  esac
}
body='{ if (pid == cpid) { @own = count(); } else { @other = count(); } }'
check() { # NAME WANTED PROBE [FILTER]
  name=$1 wanted=$2 probe=$3 filter=$4
  start
  script=$(echo "$probe" | sed "s/CELL/$cell/; s/MARKED/$marked/")
  trace out-x err-x 60 btc -p $first -e "config = { missing_probes = \"warn\" } $script $filter $body"
  kill -USR1 $first $second
  wait $first; wait $second; wait $tracer
  judge "$name" "$wanted" ''
  # A command, its twin beside it.
  $twin $count 1 > addresses & second=$!
  while [ ! -s addresses ]; do sleep 0.1; done
  (sleep 0.5; kill -USR1 $second) &
  : > out-x
  timeout 60 btc -c "$twin $count" -e "config = { missing_probes = \"warn\" } $script $filter $body" > out-x 2> err-x < /dev/null
  wait $second
  judge "$name" "$wanted" -c
}
check tracepoint $all tracepoint:syscalls:sys_enter_getppid
check wildcard '>' 'tracepoint:syscalls:sys_enter_get*'
check rawtracepoint $all rawtracepoint:sys_enter '/arg1 == 110/'
check kprobe $all kprobe:__x64_sys_getppid
check kretprobe $all kretprobe:__x64_sys_getppid
check kprobes '>' 'kprobe:hrtimer_nano*'
check fentry $all fentry:hrtimer_nanosleep
check fexit $all fexit:hrtimer_nanosleep
check profile + profile:hz:199
check faults '>' software:page-faults:1
check switches + software:context-switches:1
check clock + software:cpu-clock:1000000
check hardware + hardware:instructions:100000
check watchpoint $all watchpoint:CELL:8:w
check execution '~' watchpoint:MARKED:1:x
check uprobe $all "uprobe:$twin:marked"
check uretprobe $all "uretprobe:$twin:marked"
check uprobes '>' "uprobe:$twin:marke*,uprobe:$twin:mai*"
check usdt $all "usdt:$twin:twin:fired"
echo "$(uname -r):$row"
# What descends from a command is its own, a daemon's children and another's are not.
echo "sh -c '$twin $count; true'; true" > build.sh
for probe in tracepoint:syscalls:sys_enter_getppid fentry:hrtimer_nanosleep kprobe:hrtimer_nanosleep uprobe:$twin:marked \
  software:page-faults:1 profile:hz:199; do
  case $probe in software*) wanted='>';; profile*) wanted=+;; *) wanted=$all;; esac
  $twin $count 1 > addresses & second=$!
  while [ ! -s addresses ]; do sleep 0.1; done
  (sleep 0.5; kill -USR1 $second) &
  timeout 60 btc -c 'sh build.sh' -e "$probe /comm == \"twin\"/ { if (pid == $second) { @other = count(); } else { @own = count(); } }" > out-x 2> err-x < /dev/null
  wait $second
  judge "${probe%%:*}" "$wanted" -descendant
done
# What has no process fires as ever.
start
trace out-x err-x 60 btc -p $first -e 'BEGIN { @begin = 1; } interval:ms:50 { @own = count(); } END { @end = 1; }'
sleep 0.5; kill -USR1 $first $second; wait $first; wait $second; wait $tracer
judge interval + ''
grep -q '^@begin: 1' out-x && grep -q '^@end: 1' out-x || say 'BEGIN and END did not run'
# An object is the same, and one that is run without a process counts both.
btc compile -e "tracepoint:syscalls:sys_enter_getppid /comm == \"twin\"/ $body" -o both.o || bad=1
start
trace out-x err-x 60 btc run both.o -p $first
kill -USR1 $first $second; wait $first; wait $second; wait $tracer
judge object $all ''
start
trace out-x err-x 60 btc run both.o
kill -USR1 $first $second; wait $first; wait $second
kill -INT $tracer; wait $tracer
other=$(sed -n 's/^@other: //p' out-x)
[ "${other:-0}" -le $((2 * all)) ] && [ $((${other:-0} + $(missed))) -ge $((2 * all)) ] ||
  say "without a process ${other:-0} were counted and $(missed) missed, not $((2 * all))"
# In a pid namespace the number is the one of that namespace.
export twin count body
cat > inside.sh <<'INSIDE'
mount -t proc proc /proc
. /payload/tracer.sh
$twin $count 1 > addresses & first=$!
$twin $count 1 > /dev/null & second=$!
sleep 1
trace out-x err-x 60 btc -p $first -e "tracepoint:syscalls:sys_enter_getppid $body"
kill -USR1 $first $second; wait $first; wait $second; wait $tracer
INSIDE
unshare -m -p -f sh inside.sh || say 'no pid namespace'
judge namespace $all ''
exit $bad
