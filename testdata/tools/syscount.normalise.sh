# All other calls are the tracers' own and the shell's.
sed -nE '/^(Counting|Top|$)/p; /^@syscall\[121\]/p; /^@process\[subject\]/p'
