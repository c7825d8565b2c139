# Runs in a guest after prelude.sh: bpftrace's tools.
tools=/payload/tools objects=/payload/objects workloads=/payload/workloads
ln -sf /payload/bin/bash /bin/bash
# Tracers find libraries by the loader's cache.
ldconfig /payload/lib 2> /dev/null
printf '127.0.0.1 localhost\n127.0.0.7 btc-host\n' > /etc/hosts
while read -r module; do insmod "/payload/modules/$module.ko"; done < /payload/modules/order
export __BPFTRACE_NOTIFY_PROBES_ATTACHED=1

await_line() { # PID FILE TENTHS: until the tracer has written the line, or has ended
  i=0
  while [ $i -lt "$3" ] && [ -d "/proc/$1" ]; do
    grep -q '^__BPFTRACE_NOTIFY_PROBES_ATTACHED' "$2" && return
    sleep 0.1; i=$((i + 1))
  done
}

load_tool() { # NAME: does the verifier take its programs
  rm -rf /tmp/case; mkdir /tmp/case; cd /tmp/case || exit 1
  timeout 120 btc-run --dry-run "$objects/$1.o" > out 2> err < /dev/null
  echo $? > code
  for part in err code; do hand_back "load/$1" $part $part; done
  cd /
}

run_beside() { # NAME: both tracers see the same workload
  rm -rf /tmp/case; mkdir /tmp/case; cd /tmp/case || exit 1
  # busybox's timeout becomes the command itself: $! is the tracer.
  timeout -s KILL 300 bpftrace "$tools/$1.bt" > theirs 2> theirs.err < /dev/null &
  theirs=$!
  await_line $theirs theirs 1800
  timeout -s KILL 120 btc-run -v "$objects/$1.o" > ours 2> ours.all < /dev/null &
  ours=$!
  await_line $ours ours 600
  mkdir work; (cd work && timeout 60 sh "$workloads/$1.workload.sh" > ../workload 2>&1 < /dev/null)
  sleep 1
  kill -INT $ours $theirs
  wait $ours; echo $? > code
  wait $theirs; echo $? >> code
  # The loader's own progress is long; what is left out for want of a target is told by the rest.
  grep -v '^libbpf' ours.all > ours.err
  # What the workload left for later.
  [ -f work/after ] && sh work/after
  for part in ours theirs ours.err theirs.err workload code; do hand_back "$1" $part $part; done
  cd /
}
