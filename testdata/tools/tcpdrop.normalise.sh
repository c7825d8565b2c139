# Time, process id, the client's port; the first packet dropped (others follow by timers).
sed -E 's/^[0-9:]{8} [0-9]+ +/TIME PID /; s/:[345][0-9]{4} /:PORT /' | awk '/^TIME PID/ && seen++ { exit } NF { print }'
