# Two CPUs feed aggregations at the same moment, from each kind of program, while programs and the runtime read, print and
# clear them: nothing is lost, and no average, minimum or maximum is seen that nobody made. The host's tests of the same
# (crates/btc/tests/counting.rs) have uprobes alone.
# Alone: both CPUs must really run at the same moment, and calls are many for an emulator.
hammer=/payload/bin/hammer-shared rounds=${ROUNDS:-600} bad=0
[ "$(grep -c '^processor' /proc/cpuinfo)" = 2 ] || { echo 'not two CPUs'; exit 1; }
# KINDS: name, probe of a call, its number and round, probe of the one when all have called, the greatest number and how many
# calls there were.
cat > kinds <<KINDS
uprobe|uprobe:$hammer:hit|arg0|arg1|uprobe:$hammer:seen|arg0|arg1
kprobe|kprobe:__x64_sys_lseek|((struct pt_regs *)arg0)->si|((struct pt_regs *)arg0)->dx|kprobe:__x64_sys_readahead|((struct pt_regs *)arg0)->si|((struct pt_regs *)arg0)->dx
fentry|fentry:__x64_sys_lseek|args.regs->si|args.regs->dx|fentry:__x64_sys_readahead|args.regs->si|args.regs->dx
tracepoint|tracepoint:syscalls:sys_enter_lseek|args.offset|args.whence|tracepoint:syscalls:sys_enter_readahead|args.offset|args.count
rawtracepoint|rawtracepoint:sys_enter /args.id == 8/|args.regs->si|args.regs->dx|rawtracepoint:sys_enter /args.id == 187/|args.regs->si|args.regs->dx
KINDS
cat > shared.bt <<'SCRIPT'
config = { max_map_keys = 40000 }
HIT {
  $n = (int64)NUMBER; $r = (int64)ROUND;
  @max = max($n); @min = min(-$n); @umin = min((uint64)(-1 - $n)); @avg = avg(10);
  @count = count(); @sum = sum(7); @stats = stats(10); @hist = hist(1); @lhist = lhist(5, 0, 10, 1);
  @pmax = max($n); @pmin = min(-$n); @pavg = avg(10); @pcount = count(); @psum = sum(7);
  @kmax[$r] = max($n); @kmin[$r] = min(-$n); @kavg[$r % 8] = avg(10); @kcount[$r % 8] = count(); @ksum[$r % 8] = sum(3);
  @kstats[$r % 2] = stats(10); @series[$r % 2] = tseries(10, 20ms, 50, "avg"); @khist[$r % 2] = hist(1); @klhist[$r % 2] = lhist(5, 0, 10, 1);
  if (@avg != 10 || @kavg[$r % 8] != 10) { @torn++; }
}
SEEN {
  $n = (int64)GREATEST; $c = (int64)CALLS; $r = $c / 2 - 1;
  if (@max != $n) { @wrong["max"] = count(); }
  if (@min != -$n) { @wrong["min"] = count(); }
  if (@umin != (uint64)(-1 - $n)) { @wrong["umin"] = count(); }
  if (@avg != 10) { @wrong["avg"] = count(); }
  if (@count != $c || @sum != 7 * $c) { @wrong["count"] = count(); }
  if (@kmax[$r] != $n) { @wrong["kmax"] = count(); }
  if (@kmin[$r] != -$n) { @wrong["kmin"] = count(); }
  if (@kavg[$r % 8] != 10) { @wrong["kavg"] = count(); }
  if (@ksum[$r % 8] != 3 * @kcount[$r % 8]) { @wrong["ksum"] = count(); }
  @rounds = count();
}
interval:ms:20 {
  $avg = @avg; $kavg = @kavg[1];
  if (($avg != 0 && $avg != 10) || ($kavg != 0 && $kavg != 10)) { @torn++; }
  if (@max < @before) { @wrong["less"] = count(); }
  @before = @max;
  print(@stats); print(@kstats); print(@pavg); print(@avg); print(@kavg); print(@series);
}
END { clear(@before); clear(@kmax); clear(@kmin); clear(@kavg); clear(@series); print("the end"); }
SCRIPT
cat > cleared.bt <<'SCRIPT'
HIT {
  $r = (int64)ROUND;
  @avg = avg(10); @zeroed = avg(10); @own = avg(10); @max = max(7); @least = min(-7);
  @stats = stats(10); @count = count(); @kcount[$r % 2] = count(); @sum = sum(3); @all = count();
  @kstats[$r % 2] = stats(10); @series = tseries(10, 20ms, 50, "avg");
  if ($r % 32 == 0) { delete(@own); }
  $own = @own; $avg = @avg; $zeroed = @zeroed;
  if (($own != 0 && $own != 10) || ($avg != 0 && $avg != 10) || ($zeroed != 0 && $zeroed != 10)) { @torn = count(); }
  $max = @max; $least = @least;
  if (($max != 0 && $max != 7) || ($least != 0 && $least != -7)) { @torn = count(); }
  // The other CPU may be between the two.
  if (@count > @all + 1) { @wrong = count(); }
}
interval:ms:3 { print(@avg); clear(@avg); print(@max); clear(@max); clear(@least); zero(@zeroed); print(@zeroed);
  print(@count); clear(@count); print(@sum); print(@stats); clear(@sum); clear(@stats);
  print(@kstats); zero(@kstats); print(@series); clear(@series); }
SCRIPT
# Programs of perf events: nobody knows how often they come, but all that they made must agree.
cat > perf.bt <<'SCRIPT'
EVENT {
  $now = nsecs;
  @max = max($now); @pmax = max($now); @each[cpu] = max($now); @min = min($now); @pmin = min($now); @avg = avg(10); @pavg = avg(10);
  @count = count(); @sum = sum(7); @pcount = count(); @psum = sum(7); @stats = stats(10); @hist = hist(1);
  @lhist = lhist(5, 0, 10, 1); @kavg[cpu % 1] = avg(10); @kcount[cpu] = count(); @kpcount[cpu % 1] = count();
  if (@avg != 10 || @kavg[0] != 10) { @torn++; }
}
interval:ms:20 {
  $avg = @avg; $kavg = @kavg[0];
  if (($avg != 0 && $avg != 10) || ($kavg != 0 && $kavg != 10)) { @torn++; }
  if (@max < @before) { @wrong["less"] = count(); }
  @before = @max;
  print(@stats); print(@pavg); print(@avg); print(@kavg);
}
END {
  // Linux 5.10 has no loops over maps.
  $best = @each[0] > @each[1] ? @each[0] : @each[1];
  $count = @kcount[0] + @kcount[1];
  if (@max != $best) { @wrong["max"] = count(); }
  if (@count != $count || @sum != 7 * $count) { @wrong["count"] = count(); }
  clear(@before); clear(@each); clear(@kcount); clear(@kavg); print("the end");
}
SCRIPT
fail() { echo "$kind, $script: $*"; tail -n 60 said; cat told; bad=1; }
total() { # MAP: the sum of all that was printed of it
  sed -n "s/^@$1\(\[.*\]\)*: \([0-9]*\)\$/\2/p" "$2" | awk '{ n += $1 } END { print n + 0 }'
}
halves() { # what was printed of an average, of stats or of a series that is not of tens
  grep -E '^@k*p*(avg|zeroed|own)(\[.*\])*: ' said | grep -vE ': (0|10)$'
  sed -n 's/^@k*stats.*count = \([0-9]*\), .*total = \([0-9]*\) .*/\1 \2/p' said | awk '$1 * 10 != $2 { print "stats of", $1, "are", $2 }'
  grep -E '^[0-9][0-9]:[0-9][0-9]:' said | grep -v '| 10$'
  grep -E '^@(torn|wrong)' said
}
hist() { # MAP CALLS: it holds so many in all
  [ "$(awk -v map="^@$1(\\\\[.*\\\\])?:" '/^@/ { on = $0 ~ map } on && /^\[/ { for (i = 2; i <= NF; i++) if ($i ~ /^[0-9]+$/) { n += $i; break } }
    END { print n + 0 }' at-end)" = "$2" ]
}
play() { # SCRIPT: beside the hammer, longer and longer until it is seen to be read meanwhile
  rounds=${ROUNDS:-600}
  play_rounds "$1"
  while [ "$(grep -c '^@stats' said)" -le 2 ] && [ $rounds -lt 9600 ]; do
    rounds=$((4 * rounds))
    play_rounds "$1"
  done
}
play_rounds() {
  script=$1
  sed "s|HIT|$hit|; s|NUMBER|$number|; s|ROUND|$round|; s|SEEN|$seen|; s|GREATEST|$greatest|; s|CALLS|$calls|" "$script.bt" > played.bt
  timeout 300 btc -q -c "$hammer 2 $rounds calls" played.bt > said 2> told < /dev/null || fail "exit code $?"
  # The newest kernel takes the CPU from tasks in the middle of programs that do not hold it, and runs no program of another task
  # there: such events are told as missed, and all numbers are of those that were seen.
  lossy=
  case $kind/$(uname -r) in uprobe/*|*/5.10.*|*/6.1.*|*/6.12.*) ;; *) grep -q "$not_run" told && lossy=yes;; esac
  [ -n "$lossy" ] && m=$(missed) && sed -i "/$not_run/d" told
  # The kernel's hash gives an entry's memory away while another CPU still adds to it.
  given_away=
  grep -qxF "$was_deleted" told && given_away=yes && echo "$kind, $script: $was_deleted" && sed -i "/$was_deleted/d" told
  [ ! -s told ] || fail 'warnings'
  halves > half
  [ -n "$given_away" ] && sed -i '/^[0-9][0-9]:[0-9][0-9]:/d' half
  # What a missed event would have made is not there.
  [ -n "$lossy" ] && sed -i '/^@wrong/d' half
  [ ! -s half ] || { head half; fail 'numbers that nobody made'; }
}
not_run=': [0-9]* events* w[a-z]* missed: the kernel runs no program within another'
was_deleted='WARNING: @series had an entry deleted while a CPU added to it: a new one may hold a part of that event'
missed() { sed -n 's/.*: \([0-9]*\) events* w[a-z]* missed: .*/\1/p' told | awk '{ n += $1 } END { print n + 0 }'; }
while IFS='|' read -r kind hit number round seen greatest calls; do
  play shared
  all=$((2 * rounds)) last=$((2 * rounds - 1))
  sed '1,/^the end$/d' said > at-end
  if [ -n "$lossy" ]; then
    n=$(sed -n 's/^@count: //p' at-end)
    [ $((n + m)) -ge $all ] && [ $n -le $all ] && [ $n -gt $((all / 2)) ] || fail "$n seen and $m missed of $all"
    all=$n last=$(sed -n 's/^@max: //p' at-end) seen_rounds=$(sed -n 's/^@rounds: //p' at-end)
  else
    seen_rounds=$rounds
  fi
  while read -r line; do grep -qxF "$line" at-end || fail "no $line"; done <<LINES
@count: $all
@pcount: $all
@sum: $((7 * all))
@psum: $((7 * all))
@max: $last
@pmax: $last
@min: -$last
@pmin: -$last
@umin: $(echo "$last" | awk '{ printf "%s%d", "1844674407370", 9551615 - $1 }')
@avg: 10
@pavg: 10
@rounds: $seen_rounds
@stats: { .count = $all, .average = 10, .total = $((10 * all)) }
LINES
  [ "$(total kcount at-end) $(total ksum at-end)" = "$all $((3 * all))" ] || fail 'counts by key'
  for map in hist lhist khist klhist; do hist $map $all || fail "$map does not hold $all"; done
  [ "$(grep -c '^@stats' said)" -gt 2 ] || fail 'nothing was printed meanwhile'
  play cleared
  all=$((2 * rounds))
  if [ -n "$lossy" ]; then
    n=$(total all said)
    [ $((n + m)) -ge $all ] && [ $n -gt $((all / 2)) ] || fail "$n seen and $m missed of $all"
    all=$n
  fi
  [ "$(total count said) $(total sum said) $(total all said)" = "$all $((3 * all)) $all" ] || fail 'counts that were cleared'
  [ "$(total kcount said)" = $all ] || fail 'counts by key'
  [ "$(sed -n 's/^@stats: .*count = \([0-9]*\), .*/\1/p' said | awk '{ n += $1 } END { print n + 0 }')" = $all ] || fail 'stats that were cleared'
  [ "$(grep -c '^@stats' said)" -gt 2 ] || fail 'nothing was printed meanwhile'
  echo "$(uname -r), $kind: $all of $((2 * rounds)) calls seen, exact"
done < kinds
for event in software:page-faults:1 software:cpu-clock:100000 profile:hz:999; do
  kind=$event script=perf
  sed "s|EVENT|$event|" perf.bt > played.bt
  timeout 300 btc -q -c "$hammer 2 $rounds calls" played.bt > said 2> told < /dev/null || fail "exit code $?"
  [ ! -s told ] || fail 'warnings'
  halves > half
  [ ! -s half ] || { head half; fail 'numbers that nobody made'; }
  sed '1,/^the end$/d' said > at-end
  n=$(sed -n 's/^@count: //p' at-end)
  [ "${n:-0}" -gt 100 ] || fail 'too few events'
  for line in "@sum: $((7 * n))" "@pcount: $n" "@psum: $((7 * n))" '@avg: 10' '@pavg: 10' "@kpcount[0]: $n" \
    "@max: $(sed -n 's/^@pmax: //p' at-end)" "@min: $(sed -n 's/^@pmin: //p' at-end)" \
    "@stats: { .count = $n, .average = 10, .total = $((10 * n)) }"; do
    grep -qxF "$line" at-end || fail "no $line"
  done
  for map in hist lhist; do hist $map $n || fail "$map does not hold $n"; done
  echo "$(uname -r), $kind: $n events exact"
done
exit $bad
