#: SYN_SENT
# Nobody answers there.
ip link add dummy7 type dummy 2> /dev/null || ip link set dummy0 name dummy7
ip addr add 10.97.0.1/24 dev dummy7; ip link set dummy7 up
timeout 3 /bin/nc 10.97.0.2 80 < /dev/null
ip link set dummy7 down
