# Time and process id; the threads of `subject`.
sed -nE '/^TIME/p; s/^[0-9:. ]{15} +[0-9]+ subject /TIME PID subject /p'
