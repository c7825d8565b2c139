#: long queues
for i in 1 2 3 4 5 6; do timeout 2 taskset 1 sh -c 'while :; do :; done' & done
wait
