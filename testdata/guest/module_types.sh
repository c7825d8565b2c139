# Arguments of a module's function have the types that its own BTF tells: in the guest, and where a folder
# of such files was copied from it.
if [ ! -e /sys/kernel/btf/dummy ]; then echo 'modules have types from Linux 5.11 on'; exit 77; fi
script='fentry:dummy:dummy_xmit /comm == "ping"/ { @[args.skb->len, str(args.dev->name)] = count(); }
fexit:dummy:dummy_xmit /comm == "ping"/ { @result[args.skb != 0, retval] = count(); }'
mkdir types; cp /sys/kernel/btf/vmlinux /sys/kernel/btf/dummy types/
btc compile --btf types/vmlinux -e "$script" -o elsewhere.o || exit 1
printf '%s\n' "$script" > script.bt
bad=0
for what in script.bt elsewhere.o; do
  trace out-m err-m 120 btc run "$what"
  sh /payload/cases/modules.workload.sh > /dev/null
  kill -TERM $tracer; wait $tracer
  for line in '@[98, dummy0]: 2' '@result[true, NETDEV_TX_OK]: 2'; do
    grep -qxF "$line" out-m || { echo "$what: expected $line"; cat out-m err-m; bad=1; }
  done
done
exit $bad
