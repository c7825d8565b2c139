# For what runs in a guest: cases.sh and the proofs of testdata/guest.

await_attached() { # ERR: until the tracer $tracer says so there, or has ended
  i=0
  while [ $i -lt 300 ] && [ -d "/proc/$tracer" ]; do
    grep -q '^Attached' "$1" && return
    sleep 0.1; i=$((i + 1))
  done
}

trace() { # OUT ERR LIMIT COMMAND...: the tracer, $tracer, goes on in the background once it has attached
  out=$1 err=$2 limit=$3; shift 3
  # What an earlier one said must be gone before this one's word is waited for.
  : > "$out"; : > "$err"
  # busybox's timeout becomes the command itself: $! is the tracer.
  timeout -s KILL "$limit" "$@" > "$out" 2> "$err" < /dev/null &
  tracer=$!
  await_attached "$err"
}
