# How long each took is measured by each on its own: the number of all stays.
awk '/^[[(].*[|]/ { sub(/[|].*/, ""); sum += $NF; next } { print } END { print "events:", sum }'
