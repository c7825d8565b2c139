#!/bin/busybox sh
# The guest's first process: mounts what a tracer needs, runs /command, switches off.
/bin/busybox --install -s /bin
export PATH=/payload/bin:/bin HOME=/root TERM=dumb
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
mount -t tmpfs tmpfs /tmp
mount -t tracefs nodev /sys/kernel/tracing
mount -t debugfs nodev /sys/kernel/debug 2>/dev/null
mount -t bpf bpf /sys/fs/bpf
mkdir -p /sys/fs/cgroup; mount -t cgroup2 cgroup2 /sys/fs/cgroup 2>/dev/null
ln -s /proc/self/fd /dev/fd
# Shared libraries under the paths that programs name.
if [ -d /payload/lib ]; then
  ln -s /payload/lib /lib/x86_64-linux-gnu
  for f in /payload/lib/ld-linux*; do ln -s "$f" /lib64/; done
fi
echo 'root:x:0:0:root:/root:/bin/sh' > /etc/passwd; echo 'root:x:0:' > /etc/group
ip link set lo up 2>/dev/null || ifconfig lo up
sysctl -q -w kernel.printk="1 1 1 1" 2>/dev/null
stty -F /dev/ttyS1 raw -echo 2>/dev/null
echo "guest-ready: $(uname -r)"
sh /command
echo "guest-exit: $?"
sync
poweroff -f
