# Time and process ids (only one of them is a constant); the events of `subject`.
sed -nE '/^TIME/p; s/^[0-9:.]{15} +[0-9]+ (subject .{16}) +[0-9]+ /TIME PID \1 TPID /p' | sed 's/TPID  *67108863/TPID none/'
