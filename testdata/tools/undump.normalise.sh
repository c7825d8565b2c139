# Time and process id.
sed -E 's/^[0-9:]{8} (subject +)[0-9]+ /TIME \1PID /'
