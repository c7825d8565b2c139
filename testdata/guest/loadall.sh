# Every object, whichever kernel it was compiled against, is taken by plain bpftool, but for those that it cannot bind.
bad=0
case $(uname -r) in 5.10.*) here=5.10;; 6.1.*) here=6.1;; 6.12.*) here=6.12;; *) here=new;; esac
refusal() { # KERNEL/OBJECT: the words by which it must be refused there, if it must
  case $1 in
    # Whatever kernel it is, arguments are bound in these.
    */bound_mkdir.*|*/functions.*|*/typed.*) echo 'btc_refusal_\|off=32760\|uses reserved fields';;
    # Before 5.12 that function has another name.
    5.10/bound_bpf.*) echo "failed to find kernel BTF type ID of '__sys_bpf'";;
    */bound_bpf.*) echo 'btc_refusal_\|off=32760\|uses reserved fields';;
    # Classes of events that have other names there.
    5.10/bound_class.from-6.1.o|5.10/bound_class.from-6.12.o|5.10/bound_class.from-new.o) echo 'struct trace_event_raw_block_rq_completion\.';;
    5.10/kmem.*) echo 'struct trace_event_raw_kmem_cache_alloc\.';;
    # Keys of more than 512 bytes: our runtime makes them shorter.
    5.10/beyond.*) echo "map 'm0_a_opened': failed to create: Argument list too long";;
  esac
}
for object in /payload/objects/*.o; do
  name=${object##*/}
  # Cases whose files say that this kernel cannot run them.
  case $LACKING in *" ${name%%.*} "*) continue;; esac
  words=$(refusal "$here/$name")
  if ! bpftool prog loadall "$object" /sys/fs/bpf/proof > said 2>&1; then
    # What only our runtime binds, typed arguments and addresses of symbols, must not load without it: docs/object-format.md.
    # So must a tracepoint whose fields are in another class there.
    words=${words:-'btc_refusal_\|off=32760\|uses reserved fields\|struct trace_event_raw_block_rq_complete\.'}
    grep -q "$words" said && continue
    echo "bpftool refuses $name:"; tail -n 12 said; bad=1
  elif [ -n "$words" ]; then
    echo "bpftool takes $name, which it cannot bind"; bad=1
  elif [ -z "$(ls /sys/fs/bpf/proof)" ]; then
    echo "nothing pinned of $name"; bad=1
  fi
  rm -rf /sys/fs/bpf/proof
done
exit $bad
