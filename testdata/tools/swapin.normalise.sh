# Seconds begin at different times for each: the sum stays.
awk '/^@\[subject/ { sum += $NF; sub(/[0-9]+\]: .*/, "PID]"); form = $0 } END { print form ":", sum }'
