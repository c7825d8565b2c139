# Latencies are measured by each on its own, and the maps are in their order: names and counts stay.
# bpftrace takes a user function by address and process, and so lists a name once for each process.
awk '/^@hist/ { key = $0; next }
  /^[[(].*[|]/ { sub(/[|].*/, ""); sum[key] += $NF; next }
  /^@stat/ { sub(/,/, "", $5); sum[$1] += $5; next }
  NF { print }
  END { for (key in sum) print key, sum[key] }' | sort
