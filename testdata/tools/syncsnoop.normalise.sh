# Time and process id; the events of `subject`.
sed -nE '/^TIME/p; s/^[0-9:]{8} +[0-9]+ +subject /TIME PID subject /p'
