# Every object, whichever kernel it was compiled against, is taken by plain bpftool.
bad=0
for object in /payload/objects/*.o; do
  name=${object##*/}
  # Cases whose files say that this kernel cannot run them.
  case $LACKING in *" ${name%%.*} "*) continue;; esac
  if ! bpftool prog loadall "$object" /sys/fs/bpf/proof > said 2>&1; then
    echo "bpftool refuses ${object##*/}:"; tail -n 12 said; bad=1
  elif [ -z "$(ls /sys/fs/bpf/proof)" ]; then
    echo "nothing pinned of ${object##*/}"; bad=1
  fi
  rm -rf /sys/fs/bpf/proof
done
exit $bad
