# Process id, the client's port, milliseconds.
sed -E '/^PID/!{ s/^[0-9]+ /PID /; s/ [345][0-9]{4} / PORT /g; s/ [0-9]+$/ MS/; }'
