ip addr add 10.97.0.1/24 dev dummy0; ip link set dummy0 up
# The answer that does not come is waited for.
/bin/ping -c 2 -W 1 10.97.0.9
ip link set dummy0 down; ip addr del 10.97.0.1/24 dev dummy0
