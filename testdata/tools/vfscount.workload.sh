#: @[vfs_rename]: 1
for i in 1 2 3; do /bin/mkdir "folder$i"; /bin/ln -s target "link$i"; done
/bin/mv folder1 folder4; /bin/rmdir folder2; /bin/rm link1
