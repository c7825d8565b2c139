# What this machine has not got is answered by one error, at the place in the script, and no run: no panic,
# no silence.
bad=0
lacks() { # SCRIPT: an emulated machine or any kernel lacks what it traces
  timeout 60 btc -e "$1" > said 2>&1 < /dev/null
  code=$?
  if [ $code != 1 ] || [ "$(grep -c 'ERROR: ' said)" != 1 ] || ! head -n 1 said | grep -q 'ERROR: '; then
    echo "$1: exit code $code"; cat said; bad=1
  fi
}
lacks 'hardware:cache-misses:1000 { @ = count(); }'
lacks 'uprobe:/payload/bin/no_such_program:main { @ = count(); }'
lacks 'usdt:/payload/bin/allocate:none:such { @ = count(); }'
lacks 'kprobe:no_such_module:no_such_function { @ = count(); }'
lacks 'iter:no_such_thing { @ = count(); }'
takes() { # SINCE WHAT SCRIPT: older kernels are told at the line
  [ "$(printf '%s\n' "$1" "$(uname -r)" | sort -t. -k1,1n -k2,2n | head -n 1)" = "$1" ] && return
  lacks "$3"
  grep -q "^ERROR: stdin:1:[0-9].*$2 takes Linux $1 or later" said || { echo "$3: $(cat said)"; bad=1; }
}
takes 6.1 'nsecs(tai)' 'BEGIN { printf("%d", nsecs(tai)); }'
takes 5.13 'len() of a map' 'BEGIN { @a[1] = 1; print(len(@a)); }'
takes 5.13 'a loop over a map' 'BEGIN { @a[1] = 1; for ($kv : @a) { print($kv); } }'
# Types of modules' functions are not known before Linux 5.11.
[ -e /sys/kernel/btf/dummy ] || lacks 'fentry:dummy:dummy_xmit { @ = count(); }'
exit $bad
