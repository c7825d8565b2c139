# Seconds begin at different times for each: whether all processes are there, and the form.
awk '/PIDs/ { sum += $NF; sub(/^[0-9:]*/, "TIME"); sub(/[0-9]+$/, "N"); if (seen++) next } { print }
  END { print (sum >= 60 ? "all" : "only " sum) }' | grep -v '^$'
