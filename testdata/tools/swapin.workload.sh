truncate -s 64M swap; losetup /dev/loop2 swap; mkswap /dev/loop2; swapon /dev/loop2
echo 0 > /proc/sys/vm/page-cluster
/payload/bin/subject swaps
sleep 2
swapoff /dev/loop2; losetup -d /dev/loop2
