echo known > known.txt
/bin/cat known.txt > /dev/null
