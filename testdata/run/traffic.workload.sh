# One line goes from a client to a server.
nc -l -p 7102 -s 127.0.0.1 > /tmp/case/got < /dev/null & server=$!
sleep 0.5
echo 'user=ada pass=secret' | nc -w 1 127.0.0.1 7102
sleep 0.3
kill $server 2>/dev/null; wait $server 2>/dev/null
cat got >&2
