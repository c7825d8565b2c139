# Time, thread and process ids, latency.
sed -E 's/^[0-9:.]+ +[0-9]+ +/TIME PID /; s/ +[0-9]+ +/ N /g'
