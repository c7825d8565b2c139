# Time, process id, latency.
sed -E 's/^[0-9:]{8} +[0-9]+ +(getent) +[0-9]+ /TIME PID \1 LAT /'
