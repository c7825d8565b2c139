# Each measures other switches, its own among them: many there are, in a histogram.
awk '/^[[(].*[|]/ { sub(/[|].*/, ""); sum += $NF; next } { print } END { print (sum > 100 ? "many" : sum) }'
