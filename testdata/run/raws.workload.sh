echo known > known.txt
for n in 1 2 3; do /bin/cat known.txt > /dev/null; done
