allocate -b 9 4096 60 > ready &
# It stays until the tracer has read its symbols.
until grep -q READY ready; do sleep 0.1; done
sync
