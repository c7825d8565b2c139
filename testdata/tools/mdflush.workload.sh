#: dd               md0
for i in 0 1; do
  truncate -s 64M "disk$i"; losetup "/dev/loop$i" "disk$i"
done
mdadm --create /dev/md0 --run --assume-clean --metadata=1.0 --level=1 --raid-devices=2 /dev/loop0 /dev/loop1 || exit 1
/bin/dd if=/dev/zero of=/dev/md0 bs=4096 count=4 conv=fsync
mdadm --stop /dev/md0
losetup -d /dev/loop0; losetup -d /dev/loop1
