# Time and process ids (that of the third signal is nobody's); the events of `subject`.
sed -nE '/^TIME/p; s/^[0-9:.]{15} +[0-9]+ (subject +[^ ]+ +)([0-9]+)/TIME PID \1\2/p' |
  sed -E '/67108863/!s/(PID subject +[^ ]+) +[0-9]+/\1 TPID/'
