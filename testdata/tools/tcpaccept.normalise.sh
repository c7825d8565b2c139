# Time, process id, the client's port.
sed -E 's/^[0-9:]{8} [0-9]+ +(nc +[^ ]+ +)[0-9]+ /TIME PID \1PORT /'
