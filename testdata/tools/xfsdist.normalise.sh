# Latencies are measured by each on its own, and the maps are in their order: names and counts stay.
awk '/^@us/ { key = $0; next } /^[[(].*[|]/ { sub(/[|].*/, ""); sum[key] += $NF; next } NF { print }
  END { for (key in sum) print key, sum[key] }' | sort
