# Time and process id; the lookups of `cat`.
sed -nE '/^TIME/p; s/^[0-9]+ +[0-9]+ +cat +(.*btc-)/TIME PID cat \1/p'
