# Every object, whichever kernel it was compiled against, is taken by plain bpftool, but for those that it cannot bind.
bad=0
for object in /payload/objects/*.o; do
  name=${object##*/}
  # Cases whose files say that this kernel cannot run them.
  case $LACKING in *" ${name%%.*} "*) continue;; esac
  # What only our runtime binds (typed arguments, addresses of symbols) must not load without it.
  case $name in bound_mkdir.*|bound_bpf.*|functions.*)
    bpftool prog loadall "$object" /sys/fs/bpf/proof > said 2>&1 && { echo "bpftool takes $name unbound"; bad=1; rm -rf /sys/fs/bpf/proof; }
    continue;;
  # Takes it where the event is still of that class, see bound.sh.
  bound_class.*) continue;;
  esac
  if ! bpftool prog loadall "$object" /sys/fs/bpf/proof > said 2>&1; then
    echo "bpftool refuses ${object##*/}:"; tail -n 12 said; bad=1
  elif [ -z "$(ls /sys/fs/bpf/proof)" ]; then
    echo "nothing pinned of ${object##*/}"; bad=1
  fi
  rm -rf /sys/fs/bpf/proof
done
exit $bad
