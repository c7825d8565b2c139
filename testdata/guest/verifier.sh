# What the checker takes, the verifier takes: loops in loops, numbers that are added up in some rounds and then used as
# bounds, walks over tasks, long copies, more values than the stack holds. All are loaded, not attached.
bad=0
loads() { # NAME, and the script on standard input
  cat > "$1.bt"
  timeout 120 btc run --dry-run "$1.bt" > said 2>&1 < /dev/null || { echo "$1:"; cat said; bad=1; }
}
head='BEGIN { @a[1] = 1; $n = 0; for ($c : 0..64) { $n += @a[$c]; '
from='kptr(0xffff888000000000)'
echo "$head } @h = hist(\$n); }" | loads sum-hist
echo "$head @h = hist(\$n); } }" | loads sum-hist-inside
echo "$head } @l = lhist(\$n, 0, 100, 10); }" | loads sum-lhist
echo "$head } printf(\"%s\", str($from, \$n)); }" | loads sum-length
echo "$head } printf(\"%r\", buf($from, \$n)); }" | loads sum-buffer
echo "$head } print(1 << \$n); @k[\$n, comm] = 1; }" | loads sum-shift
echo "$head if (\$n > 100000) { @z++; } } if (\$n > 1000) { @y++; } }" | loads sum-compared
echo "$head } for (\$i : 0..\$n) { @z++; } }" | loads sum-rounds
echo "$head } if (strncmp(comm, str($from, \$n), 7) == 0) { @z++; } }" | loads sum-texts
ifs='' looked='' compared='' values='' shown='' letters='' bytes='' orders='' firsts='' tests=''
i=0
while [ $i -lt 60 ]; do
  ifs="$ifs if (@a[$i] > 2) { \$n += $i; }"
  looked="$looked \$v$i = @a[$i];" compared="$compared if (\$v$i > 1000) { @z++; }"
  values="$values \$m$i = nsecs + $i;" shown="$shown, \$m$i" letters="$letters %d"
  bytes="$bytes, (int8)@a[$i]" orders="$orders, @a[$i] < @a[9]" firsts="$firsts, @t[$i].0" tests="$tests, @a[$i] ? 1 : 0"
  i=$((i + 1))
done
echo "BEGIN { @a[1] = 1; \$n = 0; $ifs @h = hist(\$n); }" | loads many-ifs
echo "BEGIN { @a[1] = 1; $looked $compared }" | loads many-comparisons
echo "BEGIN { $values printf(\"$letters\"$shown); }" | loads many-values
echo 'BEGIN { $i = 0; $n = 0; unroll(64) { $n += @a[$i]; $i++; } @h = hist($n); @a[1] = 1; }' | loads many-copies
echo "BEGIN { @a[1] = 1; @t[1] = ((int8)1, 2); @all = (1$bytes); @key[1$firsts] = 1; }" | loads many-parts
echo "BEGIN { @a[1] = 1; @all = (1$orders); @key[1$tests] = 1; }" | loads many-decisions
loads unrolled << 'SCRIPT'
interval:s:1 {
  $i = 0; $s = (uint64)0; $u = (uint64)0;
  unroll(100) {
    if (@a[$i]) {
      $d = @a[$i] - @b[$i]; $e = @c[$i] - @d[$i];
      printf("%d\n", $e / $d);
      @b[$i] = @a[$i]; @d[$i] = @c[$i];
      $s += $d; $u += $e; $i += 1;
    }
  }
  @a[1] = 1; @c[1] = 1; print($s + $u);
}
SCRIPT
walk='$p = curtask; $i = 0; $a = 0; $b = 0; $c = 0; $d = 0; while ($p->pid > 0 && $i < 32) { $p = $p->real_parent;'
echo "interval:s:1 { $walk for (\$j : 0..16) { if (\$p->pid == \$j) { \$a++ } else { \$b += \$j } } \$i++ } print((\$a, \$b)); }" |
  loads walk
echo "BEGIN { $walk for (\$j : 0..64) { if (\$p->pid & (1 << \$j)) { \$a++ } else if (\$p->tgid & (1 << \$j)) { \$b += 2 }
  else { \$c += \$j } if (\$a == 10) { \$d++ } } \$i++ } print((\$a, \$b, \$c, \$d)); }" | loads walk-counters
# Loops over maps need a helper of Linux 5.13.
if grep -q ' bpf_for_each_map_elem$' /proc/kallsyms; then
  echo 'BEGIN { @a[1] = 1; @b[1] = 1; for ($k : @a) { for ($j : @b) { for ($l : @a) { if ($l.1 > $j.1) { break; } @c++; } } } }' |
    loads maps-in-maps
  echo 'BEGIN { @a[1] = 1; $i = 0; while ($i < 5) { $i++; for ($y : @a) { if ($y.1 > 7) { return; } @r[$i]++; } } }' |
    loads maps-in-loops
fi
exit $bad
