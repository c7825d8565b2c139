# Runs in a guest after prelude.sh: how long many functions take to attach and to detach.
ln -sf /payload/bin/bash /bin/bash
ldconfig /payload/lib 2> /dev/null
while read -r module; do insmod "/payload/modules/$module.ko"; done < /payload/modules/order
ulimit -n 65536
export BPFTRACE_MAX_PROBES=100000 BPFTRACE_MAX_BPF_PROGS=100000

now() { # seconds since the boot, in hundredths
  read -r up rest < /proc/uptime
  echo "$up"
}

bench() { # NAME PATTERN COMMAND...: when it began, printed, and was gone
  name=$1 pattern=$2; shift 2
  rm -f /tmp/pipe; mkfifo /tmp/pipe
  now > /tmp/times
  timeout -s KILL 900 "$@" -e "kprobe:$pattern { @ = count(); } interval:ms:10 { print(\"on\"); exit(); }" \
    > /tmp/pipe 2> /tmp/err < /dev/null &
  tracer=$!
  exec 4< /tmp/pipe
  while read -r line <&4; do [ "$line" = on ] && break; done
  now >> /tmp/times
  cat <&4 > /dev/null
  wait $tracer; code=$?
  now >> /tmp/times
  exec 4<&-
  echo $code >> /tmp/times
  hand_back "$name" times /tmp/times; hand_back "$name" err /tmp/err
}

both() { # PATTERN
  grep -v __ftrace_invalid /sys/kernel/tracing/available_filter_functions | cut -d' ' -f1 | sort -u > /tmp/all
  case $1 in *\*) grep -c "^${1%\*}" /tmp/all;; *) grep -cx "$1" /tmp/all;; esac > /tmp/count
  hand_back functions count /tmp/count
  bench btc "$1" btc
  bench bpftrace "$1" bpftrace
}
