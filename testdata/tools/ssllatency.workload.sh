#: SSL_write
# Both ends live on until the tracers have read their symbols.
openssl req -config /dev/null -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=btc \
  -keyout key -out cert -days 2
sleep 30 | openssl s_server -accept 7302 -naccept 1 -key key -cert cert -quiet > served &
echo "kill $!" > after
until grep -q ':1C86 ' /proc/net/tcp /proc/net/tcp6; do sleep 0.1; done
(echo 'from the client'; sleep 30) | openssl s_client -connect 127.0.0.1:7302 -quiet -tls1_2 > received &
echo "kill $!" >> after
i=0; until grep -q client served || [ $i -gt 100 ]; do sleep 0.1; i=$((i + 1)); done
