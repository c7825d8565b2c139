#: @us[xfs_file_write_iter]: 10
# Nothing that older kernels do not know.
truncate -s 400M disk; losetup /dev/loop4 disk
mkfs.xfs -q -i nrext64=0,exchange=0 -n parent=0 /dev/loop4
mkdir mnt; mount -t xfs /dev/loop4 mnt || exit 1
/bin/dd if=/dev/zero of=mnt/file bs=4096 count=10 conv=fsync
/bin/dd if=mnt/file of=/dev/null bs=4096
umount mnt; losetup -d /dev/loop4
