# Every object, whichever kernel it was compiled against, is taken by plain bpftool, but for those that it cannot bind.
bad=0
for object in /payload/objects/*.o; do
  name=${object##*/}
  # Cases whose files say that this kernel cannot run them.
  case $LACKING in *" ${name%%.*} "*) continue;; esac
  if ! bpftool prog loadall "$object" /sys/fs/bpf/proof > said 2>&1; then
    # What only our runtime binds, typed arguments and addresses of symbols, must not load without it: docs/object-format.md.
    # So must a tracepoint whose fields are in another class there.
    grep -q 'btc_refusal_\|off=32760\|uses reserved fields\|struct trace_event_raw_block_rq_complete' said && continue
    echo "bpftool refuses ${object##*/}:"; tail -n 12 said; bad=1
  # Whatever kernel it is, these have such in them.
  elif case $name in bound_mkdir.*|bound_bpf.*|functions.*|typed.*) true;; *) false;; esac; then
    echo "bpftool takes $name unbound"; bad=1
  elif [ -z "$(ls /sys/fs/bpf/proof)" ]; then
    echo "nothing pinned of ${object##*/}"; bad=1
  fi
  rm -rf /sys/fs/bpf/proof
done
exit $bad
