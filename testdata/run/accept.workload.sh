# A server and two clients on the loopback interface; the first client's port is fixed.
serve() { nc -l -p 7101 > /dev/null < /dev/null & server=$!; sleep 0.5; }
stop() { sleep 0.3; kill $server 2> /dev/null; wait $server 2> /dev/null; }
serve
echo one | timeout 2 nc -w 2 -p 40123 127.0.0.1 7101
stop
serve
echo two | timeout 2 nc -w 2 127.0.0.1 7101
stop
true
