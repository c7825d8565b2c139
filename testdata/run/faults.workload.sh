# Each new page is touched once.
allocate -b 200 4096 60 > ready &
# It stays until the tracer has read its symbols.
until grep -q READY ready; do sleep 0.1; done
sync
