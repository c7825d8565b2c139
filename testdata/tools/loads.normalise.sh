# The figures are read at different times: their form stays.
sed -E 's/[0-9]+\.[0-9]{3}/N/g; s/^[0-9:]{8}/TIME/' | uniq
