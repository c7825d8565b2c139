# Time and process ids; the programs of the workload.
sed -nE '/^TIME/p; s/^[0-9:. ]{15} +[0-9]+ +[0-9]+ +(.*(echo|subject).*)/TIME PID PPID \1/p'
