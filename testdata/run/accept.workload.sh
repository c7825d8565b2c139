# A server and two clients on the loopback interface; the second client picks its own port.
serve() { nc -l -p 7101 -s 127.0.0.1 > /dev/null < /dev/null; }
serve & server=$!
sleep 0.5
echo one | nc -w 1 -p 40123 127.0.0.1 7101
kill $server 2>/dev/null; wait $server 2>/dev/null
serve & server=$!
sleep 0.5
echo two | nc -w 1 127.0.0.1 7101
kill $server 2>/dev/null; wait $server 2>/dev/null
true
