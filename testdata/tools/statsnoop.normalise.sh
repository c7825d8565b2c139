# Process id; the files of `subject`.
sed -nE '/^PID/p; s/^[0-9]+ +subject /PID subject /p'
