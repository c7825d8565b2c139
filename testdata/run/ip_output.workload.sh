ping -c 2 -W 1 127.0.0.1 > /dev/null
