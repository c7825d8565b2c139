for i in 1 2 3; do /bin/mkdir "folder$i"; done
echo known > file
/bin/cat file > /dev/null
