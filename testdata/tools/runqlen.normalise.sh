# Samples are taken by each on its own: that queues were seen stays.
awk '/^\[/ { if ($1 + 0 == 0 && substr($1, 2) + 0 > 2) long = 1; next } { print } END { print (long ? "long queues" : "no queues") }'
