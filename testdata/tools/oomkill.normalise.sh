# Time, ids, and the load average, which each reads for itself.
sed -E 's/^[0-9:]{8}/TIME/; s/PID [0-9]+/PID N/g; s/CGROUP [0-9]+/CGROUP N/; s/loadavg: .*/loadavg: N/'
