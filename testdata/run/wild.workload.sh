for i in 1 2 3; do /bin/mkdir "folder$i"; done
allocate 7 64
