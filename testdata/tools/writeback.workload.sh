#: sync
truncate -s 64M disk; losetup /dev/loop3 disk; /payload/bin/mke2fs -q -t ext4 /dev/loop3
mkdir mnt; mount -t ext4 /dev/loop3 mnt || exit 1
/bin/dd if=/dev/zero of=mnt/file bs=64k count=16
sync
sleep 1
umount mnt; losetup -d /dev/loop3
