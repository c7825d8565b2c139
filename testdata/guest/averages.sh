# Averages that are read again and again: each reads the parts of all CPUs, whose number the verifier must still know.
bad=0
for n in 1 2 3 4; do
  script='' wanted=''
  for i in $(seq $n); do
    script="$script @a$i = avg($i); \$a$i = @a$i; print(\$a$i); @b$i = max($i); \$b$i = @b$i; print(\$b$i);"
    wanted="$wanted$i $i "
  done
  said=$(btc -q -e "BEGIN { $script clear(@a1); exit(); }" 2> err-x < /dev/null | sed '/^$/,$d' | tr '\n' ' ')
  [ "$said" = "$wanted" ] || { echo "$n: '$said', not '$wanted'"; cat err-x; bad=1; }
done
exit $bad
