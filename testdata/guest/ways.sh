# Actions without loops load on this kernel, however often they ask; crates/btc/tests/ways.rs asks the host's for more.
bad=0
script() { # ORIGIN QUESTION: asks this of eight numbers, eight times
  echo 'struct S { unsigned char a; short d; int f; struct S *next; char name[6]; int array[8]; }'
  echo 'uprobe:/payload/bin/twin:marked { $t = (int64)0; @o[(uint64)0, 0] = (int64)0;'
  for n in 0 1 2 3 4 5 6 7; do echo "\$v$n = $1;" | sed "s/A/$((n % 6))/; s/N/$n/"; done
  for k in 1 2 3 4 5 6 7 8; do
    for n in 0 1 2 3 4 5 6 7; do echo "$2" | sed "s/V/\$v$n/g; s/K/$k/g"; done
  done
  echo '}'
}
while IFS= read -r origin; do
  while IFS= read -r question; do
    script "$origin" "$question" > ways.bt
    timeout 60 btc -q --dry-run ways.bt > said 2>&1 < /dev/null || { echo "$origin: $question"; head -n 2 said; bad=1; }
  done <<'QUESTIONS'
if (V == K) { @x++; }
@s = sum(V > K ? V : K);
printf("%d\n", ((struct S *)V)->f);
V = V > K ? V - K : V + 1;
$p = (V, V > K); @p[$p] = count();
QUESTIONS
done <<'ORIGINS'
(int64)argA + N
ORIGINS
exit $bad
