# busybox's cat uses sendfile, which does not pass vfs_write, unless asked for line numbers.
# By its path it is a process of its own, named after the file.
echo 'of that we cannot speak' > known.txt
/bin/cat -n known.txt > copy.txt
