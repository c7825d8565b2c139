# Latencies are measured by each on its own, and the maps are in their order: names and counts stay.
awk '/^@hist/ { key = $0; next }
  /^[[(].*[|]/ { sub(/[|].*/, ""); sum[key] += $NF; next }
  /^@stat/ { sub(/average.*/, ""); print; next }
  NF { print }
  END { for (key in sum) print key, sum[key] }' | sort
