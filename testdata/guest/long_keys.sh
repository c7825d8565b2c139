# Keys of more than 512 bytes: what differs stays apart, be it cut or not; what was cut is told.
bad=0
old=; case $(uname -r) in 5.10.*) old=1;; esac
probe='uprobe:/payload/bin/beyond:bytes'
counts() { # NAME TIMES WANTED SCRIPT: the counts of a map, sorted; and what is told where keys are cut
  timeout 100 btc -q -c /payload/bin/beyond -e "$4" > out-k 2> err-k < /dev/null
  seen=$(sed -n "s/^@$1\\[.*\\]: //p" out-k | sort -n | tr -d '\n')
  [ "$seen" = "$3" ] || { echo "@$1: $seen, not $3"; cut -c 1-100 out-k err-k; bad=1; }
  if [ -n "$old" ]; then told="$2 keys of @$1 cut: this kernel takes no more than 512 bytes"; else told=; fi
  grep -v '^Attached' err-k > told-k
  if [ -z "$told" ]; then [ ! -s told-k ]; else grep -q "$told" told-k; fi || { echo "@$1: not '$told'"; cat err-k; bad=1; }
}
counts b 6 11122 "$probe { @b[buf(arg0, arg1)] = count(); }"
counts p 6 11122 "$probe { @p[comm, buf(arg0, arg1), arg1] = count(); }"
# Zeros are no text, and one of the texts is short.
counts t 3 1123 "$probe { @t[comm, str(arg0)] = count(); }"
# In a loop the whole is hashed by a function of its own.
counts l 12 1111112222 "$probe { for (\$i : 0..2) { @l[buf(arg0, arg1), \$i] = count(); } }"
counts m 6 11112233 "$probe { for (\$i : 0..2) { @m[comm, str(arg0), \$i] = count(); } }"
# A key that cannot be cut is an error at its place.
if [ -n "$old" ]; then
  timeout 60 btc -e "struct big { uint64 n[100]; } $probe { @e[((struct big *)arg0)->n] = count(); }" > said 2>&1 < /dev/null
  grep -q '^ERROR: stdin:1:[0-9].*a key of @e has 800 bytes, and this kernel takes no more than 512' said || { cat said; bad=1; }
fi
exit $bad
