# Loops without a known end do all their rounds where the kernel has iterators (Linux 6.4). Where it has not,
# one that is cut short is told once, with the rounds that it did. One around another may be refused there, after
# minutes on an emulated machine: that is not asked.
bad=0
cat > loops.bt <<'SCRIPT'
BEGIN {
  $many = (uint64)getopt("many", 100000);
  $i = 0;
  while ($i < $many) { $i++; }
  printf("rounds %d\n", $i);
  exit();
}
SCRIPT
cat > nested.bt <<'SCRIPT'
BEGIN {
  $many = (uint64)getopt("many", 100000);
  $pairs = 0;
  for ($a : 0..$many / 400) { for ($b : 0..$many / 400) { $pairs++; } }
  printf("pairs %d\n", $pairs);
  exit();
}
SCRIPT
timeout 60 btc run loops.bt > said 2> told < /dev/null || { echo "exit $?"; bad=1; }
rounds=$(sed -n 's/^rounds //p' said)
cut=$(sed -n 's/^WARNING: loops.bt:4:3-[0-9]*: loop cut short after \([0-9]*\) rounds, once$/\1/p' told)
if grep -q ' bpf_iter_num_new$' /proc/kallsyms; then
  [ "$rounds" = 100000 ] && ! grep 'cut short' told || bad=1
  timeout 60 btc run nested.bt > said 2> told < /dev/null || bad=1
  grep -q '^pairs 62500$' said && ! grep 'cut short' told || bad=1
else
  [ "$rounds" -ge 256 ] && [ "$rounds" = "$cut" ] || bad=1
fi
# The kernel's iterators have an end too.
timeout 60 btc -e 'BEGIN { $i = 0; while (1) { $i++; } printf("%d\n", $i); exit(); }' > said 2> more < /dev/null
[ "$(head -n 1 said)" = "$(sed -n 's/.*loop cut short after \([0-9]*\) rounds, once$/\1/p' more)" ] || bad=1
[ $bad = 0 ] || cat said told more
exit $bad
