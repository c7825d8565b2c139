# One line goes from a client to a server.
nc -l -p 7102 > got < /dev/null & server=$!
sleep 0.5
echo 'user=ada pass=secret' | timeout 2 nc -w 2 127.0.0.1 7102
sleep 0.3
kill $server 2> /dev/null; wait $server 2> /dev/null
cat got >&2
