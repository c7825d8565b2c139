# busybox's cat uses sendfile, which does not pass vfs_write, unless asked for line numbers.
# The shell may open the file in the name of either program: a program of its own reads it.
echo 'of that we cannot speak' > known.txt
busybox cat -n known.txt > copy.txt
