# Runs in a guest after prelude.sh: one-liners, under bpftrace and under btc by that name.
ln -sf /payload/bin/bash /bin/bash
ldconfig /payload/lib 2> /dev/null
mkdir -p /theirs /ours
ln -s /payload/bin/bpftrace /theirs/bpftrace
ln -s /payload/bin/btc /ours/bpftrace
echo 'hello from a file' > /tmp/text
common=$PATH

one_side() { # SIDE NAME: in a folder of its own, so that both find the same
  rm -rf /tmp/case; mkdir /tmp/case; cd /tmp/case || exit 1
  PATH="/$1:$common" timeout -s KILL 120 sh "/payload/oneliners/$2" > "/tmp/$1.out" 2> "/tmp/$1.err" < /dev/null
  echo $? > "/tmp/$1.code"
  cd /
}

run_line() { # NAME
  for side in theirs ours; do
    one_side $side "$1"
    for part in out err code; do hand_back "$1" "$side.$part" "/tmp/$side.$part"; done
  done
}
