# Six busy processes hit two probes of user code. The kernel may take the CPU from one in the middle of a program and let
# another run it, too (Linux 6.0 and newer), unless programs hold the CPU (6.15 and newer): then nothing is missed. Elsewhere such
# an event is told as missed. What the others leave is right.
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
sum() { # MAP: the counts of its entries in sum
  sed -n "s/^@$1\(\[.*\]\)*: \([0-9]*\)\$/\2/p" said | awk '{ n += $1 } END { print n + 0 }'
}
check() { # NAME COMMAND...
  name=$1; shift
  wrong=''
  trace said told 300 "$@"
  /payload/bin/crowd 6 $calls
  kill -INT $tracer; wait $tracer
  own=$(($(sum in) + $(sum out)))
  missed=$(sed -n 's/.*: \([0-9]*\) events* w[a-z]* missed: .*/\1/p' told | awk '{ n += $1 } END { print n + 0 }')
  echo "$(uname -r), $name: $own seen, $missed missed of $all"
  [ $((own + missed)) = $all ] || wrong="not all $all are told"
  [ $own -gt 0 ] || wrong='all are missed'
  grep '^@wrong' said && wrong='wrong values'
  grep 'cut short' told && wrong='a loop is cut short'
  # Six texts, each with its own number, and no others.
  for n in 1 2 3 4 5 6; do
    text=$(printf '%40s' '' | tr ' ' $(echo abcdef | cut -c $n))
    grep -q "^@texts\[$text, $text, $n\]: " said && grep -q "^@backs\[crowd, $n\]: " said || wrong="$n is lacking"
  done
  [ "$(grep -c '^@texts' said) $(grep -c '^@backs' said)" = '6 6' ] || wrong='texts that nobody has'
  [ $(sum texts) = $(sum in) ] && [ $(sum backs) = $(sum out) ] || wrong='counts are lost'
  [ -z "$wrong" ] || { echo "$name: $wrong"; cat said told; bad=1; }
}
check script btc run crowd.bt
if grep -q ' bpf_res_spin_lock$' /proc/kallsyms; then
  [ $missed = 0 ] || { echo 'events are missed though programs hold the CPU'; bad=1; }
  # An object that does not find that out.
  btc compile crowd.bt -o crowd.o && sed 's/bpf_res_spin_lock/Bpf_res_spin_lock/g' crowd.o > counting.o || bad=1
  # It names a function that btc does not know: --unsafe.
  check counting btc-run --unsafe counting.o
  [ $missed -gt 0 ] || { echo 'nothing was missed: the proof proves nothing'; bad=1; }
fi
exit $bad
