# Functions of BPF programs: their entry and exit by name, by number, by a pattern; listed while they run.
say() { echo "$1"; cat listed err-p err-q out-q said 2>/dev/null; exit 1; }
attached() { grep -q '^Attached' "$1" || say "nothing was attached"; }
trace out-p err-p 120 btc -e 'uprobe:/payload/bin/allocate:take { @first = count(); }
  uretprobe:/payload/bin/allocate:take { @second = count(); }'
attached err-p
traced=$tracer
btc -l 'fentry:bpf:*allocate_take' > listed
[ "$(grep -c '^fentry:bpf:[0-9]*:p[01]_ur*e*t*probe_*payload_bin_allocate_take$' listed)" = 2 ] || say "not listed"
id=$(sed -n 's/^fentry:bpf:\([0-9]*\):p0_.*/\1/p' listed)
name=$(sed -n 's/^fentry:bpf:[0-9]*:\(p0_.*\)/\1/p' listed)
trace out-q err-q 120 btc -e "fentry:bpf:$name { @in = count(); } fexit:bpf:$id:$name { @out[probe] = count(); }
  fentry:bpf:p*allocate_take { @both[probe] = count(); }"
attached err-q
/payload/bin/allocate 7 64 > /dev/null
kill -INT $tracer; wait $tracer
kill -INT $traced; wait $traced
grep -q '^@in: 7$' out-q || say "the entry did not fire 7 times"
grep -q "^@out\[fexit:bpf:$id:$name\]: 7\$" out-q || say "the exit did not fire 7 times"
[ "$(grep -c '^@both\[fentry:bpf:[0-9]*:p[01]_.*\]: 7$' out-q)" = 2 ] || say "the pattern did not find both"
btc -e 'fentry:bpf:no_such_function { @ = 1; }' > said 2>&1 < /dev/null && say "a program that is not there was found"
grep -q 'no BPF program that has types runs a function no_such_function' said || say "another message"
