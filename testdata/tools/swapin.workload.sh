#: @[subject, PID] many
# More memory than its cgroup may have.
truncate -s 64M swap; losetup /dev/loop2 swap; mkswap /dev/loop2; swapon /dev/loop2
echo 0 > /proc/sys/vm/page-cluster
echo +memory > /sys/fs/cgroup/cgroup.subtree_control
mkdir /sys/fs/cgroup/btc-swap
echo 6M > /sys/fs/cgroup/btc-swap/memory.max
sh -c 'echo $$ > /sys/fs/cgroup/btc-swap/cgroup.procs; exec /payload/bin/subject swaps'
sleep 2
rmdir /sys/fs/cgroup/btc-swap; swapoff /dev/loop2; losetup -d /dev/loop2
