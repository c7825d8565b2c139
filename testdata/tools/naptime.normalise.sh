# Time and process ids; the naps of `subject`.
sed -nE '/^TIME/p; s/^[0-9:]{8} +[0-9]+ +([^ ]+ +)[0-9]+ +subject /TIME PPID \1PID subject /p'
