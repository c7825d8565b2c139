#: all
sleep 1
i=0; while [ $i -lt 60 ]; do /bin/true; i=$((i + 1)); done
sleep 2
