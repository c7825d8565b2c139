#: many
for i in 1 2 3; do timeout 1 sh -c 'while :; do :; done' & done
wait
