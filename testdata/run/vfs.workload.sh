# busybox's cat uses sendfile, which does not pass vfs_write, unless asked for line numbers.
echo 'of that we cannot speak' > known.txt
cat -n known.txt > copy.txt
