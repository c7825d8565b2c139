# Seconds begin at different times for each, and what comes between print() and clear() is not
# shown: that there were many is what stays.
awk '/^@\[subject/ { sum += $NF; sub(/[0-9]+\]: .*/, "PID]"); form = $0 } END { print form, (sum > 1000 ? "many" : sum) }'
