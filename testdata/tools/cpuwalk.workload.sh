#: [1]
for cpu in 0 1; do timeout 2 taskset $((1 << cpu)) sh -c 'while :; do :; done' & done
wait
