allocate 7 64
allocate 5 128 20 > ready &
# It stays until the tracer has read its symbols.
until grep -q READY ready; do sleep 0.1; done
