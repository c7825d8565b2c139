# Runs in a guest after prelude.sh: plays the cases that the lines after this ask for.
objects=/payload/objects cases=/payload/cases
. /payload/tracer.sh
while read -r module; do insmod "$modules/$module.ko"; done < $modules/order

await_end() { # PID TENTHS
  i=0
  while [ $i -lt "$2" ] && [ -d "/proc/$1" ] && ! grep -q '^State:.*Z' "/proc/$1/status" 2>/dev/null; do
    sleep 0.1; i=$((i + 1))
  done
}

# A task may be preempted in a program (Linux 7): what another one does on that CPU is missed then, and told.
not_run=' missed: the kernel runs no program within another'

play_case() { # CASE LIMIT PATIENT COMMAND...: the tracer beside its workload
  case=$1 limit=$2 patient=$3; shift 3
  rm -rf /tmp/case; mkdir /tmp/case; cd /tmp/case || exit 1
  trace out err "$limit" "$@"
  sh "$cases/$case.workload.sh" > facts 2> workload
  # A script that ends by itself gets its time, any other one is told to end.
  [ "$patient" = 1 ] && await_end $tracer $((limit * 10))
  kill -TERM $tracer 2>/dev/null
  wait $tracer
  echo $? > code
}

run_case() { # TEST CASE LIMIT PATIENT COMMAND...: again where the kernel did not run a program for an event
  test=$1 began=$(date +%s); shift
  for try in 1 2 3; do
    play_case "$@"
    grep -q "$not_run" err || break
  done
  echo $(($(date +%s) - began)) > seconds
  for part in out err facts workload code seconds; do hand_back "$test" $part $part; done
  cd /
}

run_proof() { # NAME: a script of testdata/guest
  began=$(date +%s)
  rm -rf /tmp/case; mkdir /tmp/case; cd /tmp/case || exit 1
  timeout 600 sh -c '. /payload/tracer.sh; . "$0"' "/payload/proofs/$1.sh" > out 2>&1 < /dev/null
  echo $? > code
  echo $(($(date +%s) - began)) > seconds
  for part in out code seconds; do hand_back "$1" $part $part; done
  cd /
}

