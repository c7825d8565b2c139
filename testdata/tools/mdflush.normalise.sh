# Time and process id.
sed -E 's/^[0-9:]{8} +[0-9]+ +/TIME PID /'
