#: @backlog[1]
# One line goes from a client to a server.
/bin/nc -l -p 7303 > got < /dev/null & server=$!
until grep -q ':1C87 ' /proc/net/tcp /proc/net/tcp6; do sleep 0.1; done
(echo 'one line'; sleep 1) | /bin/nc 127.0.0.1 7303
wait $server
