# Six busy processes hit two probes of user code. The kernel may take the CPU from one in the middle of a program and let
# another run it, too (Linux 6.0 and newer): such an event is told as missed, and what the others leave is right.
calls=3000
all=$((6 * calls * 2)) bad=0
# Kernels without iterators follow each round.
if grep -q ' bpf_iter_num_new$' /proc/kallsyms; then rounds=300; else rounds=100; fi
cat > crowd.bt <<SCRIPT
uprobe:/payload/bin/crowd:hit {
  \$text = str(arg1);
  \$both = (arg0, \$text);
  \$i = (uint64)0;
  \$sum = (uint64)0;
  while (\$i < $rounds) { \$i++; \$sum += arg0; }
  if (\$i != $rounds || \$sum != arg0 * $rounds) { @wrong["sum", \$i, \$sum] = count(); }
  if (\$both.0 != arg0) { @wrong["pair", \$both.0, arg0] = count(); }
  @texts[\$text, \$both.1, arg0] = count();
  @in = count();
  @longest = max(\$i);
}
// Has more than 64 bytes of stack: one for each CPU from Linux 6.13 on.
uretprobe:/payload/bin/crowd:hit {
  \$n = retval;
  \$i = (uint64)0;
  \$a = (uint64)0; \$b = (uint64)0; \$c = (uint64)0; \$d = (uint64)0; \$e = (uint64)0; \$f = (uint64)0;
  while (\$i < $rounds) {
    \$i++;
    \$a += \$n; \$b += 2 * \$n; \$c += 3 * \$n; \$d += 4 * \$n; \$e += 5 * \$n; \$f += \$i;
  }
  if (\$i != $rounds || \$a != \$n * $rounds || \$b != 2 * \$a || \$c != 3 * \$a || \$d != 4 * \$a || \$e != 5 * \$a) {
    @wrong["numbers", \$i, \$a] = count();
  }
  if (\$f != $rounds * ($rounds + 1) / 2) { @wrong["rounds", \$i, \$f] = count(); }
  @backs[comm, \$n] = count();
  @out = count();
}
SCRIPT
trace said told 300 btc run crowd.bt
/payload/bin/crowd 6 $calls
kill -INT $tracer; wait $tracer
sum() { # MAP: the counts of its entries in sum
  sed -n "s/^@$1\(\[.*\]\)*: \([0-9]*\)\$/\2/p" said | awk '{ n += $1 } END { print n + 0 }'
}
own=$(($(sum in) + $(sum out)))
missed=$(sed -n 's/.*: \([0-9]*\) events* w[a-z]* missed: .*/\1/p' told | awk '{ n += $1 } END { print n + 0 }')
echo "$(uname -r): $own seen, $missed missed of $all"
[ $((own + missed)) = $all ] || { echo "not all $all are told"; bad=1; }
[ $own -gt 0 ] || { echo 'all are missed'; bad=1; }
grep '^@wrong' said && { echo 'wrong values'; bad=1; }
grep 'cut short' told && bad=1
# Six texts, each with its own number, and no others.
for n in 1 2 3 4 5 6; do
  letter=$(echo abcdef | cut -c $n)
  text=$(printf '%40s' '' | tr ' ' $letter)
  grep -q "^@texts\[$text, $text, $n\]: " said && grep -q "^@backs\[crowd, $n\]: " said || { echo "$n is lacking"; bad=1; }
done
[ "$(grep -c '^@texts' said) $(grep -c '^@backs' said)" = '6 6' ] || { echo 'texts that nobody has'; bad=1; }
[ $(sum texts) = $(sum in) ] && [ $(sum backs) = $(sum out) ] || { echo 'counts are lost'; bad=1; }
[ $bad = 0 ] || cat said told
exit $bad
