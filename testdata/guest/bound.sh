# Arguments, results and fields are where this kernel has them, whatever kernel the object was compiled against; what
# it does not have is one error before anything runs.
bad=0
case $(uname -r) in 5.10.*) here=5.10;; 6.1.*) here=6.1;; 6.12.*) here=6.12;; *) here=new;; esac
fail() { echo "$*"; cat out-b err-b; bad=1; }
refuses() { # OBJECT WORDS: one error with these words
  timeout 60 btc-run "$1" > out-b 2> err-b < /dev/null && fail "$1: no error"
  [ "$(grep -c . err-b)" = 1 ] && grep -q "$2" err-b || fail "$1: expected one error with: $2"
}
inode() { ls -id "$1" | (read number _; echo "$number"); }
for from in 5.10 6.1 6.12 new; do
  object=/payload/objects/bound_mkdir.from-$from.o
  if { [ $from = new ] && [ $here != new ]; } || { [ $from != new ] && [ $here = new ]; }; then
    refuses $object 'retval.* of fexit:vmlinux:vfs_mkdir'
  else
    trace out-b err-b 60 btc-run $object
    (umask 0; mkdir -m 0777 "made-$from")
    wait $tracer
    # The newest kernel yields a pointer.
    ret=0; [ $here = new ] && ret='-*[0-9]*'
    grep -qx "mode 777 ret $ret dir $(inode .)" out-b || fail "$object: expected mode 777 ret $ret dir $(inode .)"
  fi

  object=/payload/objects/bound_class.from-$from.o
  trace out-b err-b 60 btc-run $object
  for n in 1 2 3 4 5; do ls -l /proc/self > /dev/null; done
  kill -TERM $tracer; wait $tracer || fail "$object: exit code $?"
  grep -qE '^@sound\[true, true, true\]: ' out-b && ! grep -q '^@sound.*false' out-b || fail "$object: unsound fields"
done
# Before 5.12 that function has another name.
for from in 6.1 6.12 new; do
  object=/payload/objects/bound_bpf.from-$from.o
  if [ $here = 5.10 ]; then refuses $object 'fexit:vmlinux:__sys_bpf'; continue; fi
  trace out-b err-b 60 btc-run $object
  bpftool prog show > /dev/null
  kill -TERM $tracer; wait $tracer || fail "$object: exit code $?"
  for line in '@arguments\[true, false\]: [0-9]+' '@results\[true\]: [0-9]+'; do
    grep -qxE "$line" out-b || fail "$object: expected $line"
  done
  [ "$(grep -c '^@' out-b)" = 2 ] || fail "$object: more lines than two"
done
# A loader that knows no patches must refuse what it cannot bind.
for object in /payload/objects/bound_mkdir.from-$here.o /payload/objects/bound_bpf.from-6.1.o; do
  [ -e "$object" ] || fail "$object is missing"
  bpftool prog load "$object" /sys/fs/bpf/bound > out-b 2> err-b && fail "$object: bpftool loads it"
done
exit $bad
