#: SSL_write
openssl req -config /dev/null -x509 -newkey rsa:2048 -nodes -subj /CN=btc -keyout key -out cert -days 2
openssl s_server -accept 7302 -naccept 1 -key key -cert cert -quiet > served &
server=$!
until grep -q ':1C86 ' /proc/net/tcp /proc/net/tcp6; do sleep 0.1; done
(echo 'from the client'; sleep 2) | openssl s_client -connect 127.0.0.1:7302 -quiet -tls1_2 > received
wait $server
