#: btc-small
echo +memory > /sys/fs/cgroup/cgroup.subtree_control
mkdir /sys/fs/cgroup/btc-small
echo 16M > /sys/fs/cgroup/btc-small/memory.max
sh -c 'echo $$ > /sys/fs/cgroup/btc-small/cgroup.procs; exec /payload/bin/subject eat'
sleep 1
rmdir /sys/fs/cgroup/btc-small
