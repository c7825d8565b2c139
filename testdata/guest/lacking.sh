# What this machine has not got is answered by one line and no run: no panic, no silence.
bad=0
lacks() { # SCRIPT: an emulated machine or any kernel lacks what it traces
  timeout 60 btc -e "$1" > said 2>&1 < /dev/null
  code=$?
  if [ $code != 1 ] || [ "$(grep -c . said)" != 1 ] || ! grep -q 'ERROR: ' said; then
    echo "$1: exit code $code"; cat said; bad=1
  fi
}
lacks 'hardware:cache-misses:1000 { @ = count(); }'
lacks 'uprobe:/payload/bin/no_such_program:main { @ = count(); }'
lacks 'usdt:/payload/bin/allocate:none:such { @ = count(); }'
exit $bad
