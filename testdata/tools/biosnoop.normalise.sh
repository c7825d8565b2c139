# Time, process id, latency; the events of `dd`.
sed -nE '/^TIME/p; s/^[0-9]+ +([0-9]+ +[0-9]+ +dd +)[0-9]+ +[0-9]+$/TIME \1PID LAT/p'
