# The functions that only the workload calls.
sed -nE '/^Tracing/p; /^@\[vfs_(mkdir|rmdir|symlink|rename|unlink)\]/p' | sort
