true & a=$!; wait $a
sh -c 'exec busybox true' & b=$!; wait $b
echo PID=$b
