# A disk that is full: what is lost is told, the exit code is 1, and files that were there are whole or as they were.
bad=0
mkdir full && mount -t tmpfs -o size=64k tmpfs full || exit 1
wrong() { echo "$*: exit code $code"; tail -n 5 said; ls -l full; bad=1; }
play() { # COMMAND...
  timeout -s KILL 120 "$@" > printed 2> said < /dev/null
  code=$?
}
# More than there is room for.
play btc -q -o full/out -e 'BEGIN { for ($i : 0..4000) { printf("%040d\n", $i); } exit(); }'
{ [ $code = 1 ] && grep -q 'output was lost' said; } || wrong 'output'
# What is there is the beginning of it.
head -n 1000 full/out | sed 's|^0*||' | awk '$1 + 0 != NR - 1 { exit 1 }' || wrong 'the beginning of the output'
rm full/out
# No room at all: no object that is half one, and an old one stays.
dd if=/dev/zero of=full/zeros bs=4k count=100 2> /dev/null
play btc compile -e 'BEGIN { exit(); }' -o full/new.o
{ [ $code = 1 ] && [ ! -s full/new.o ] && grep -q '^ERROR: ' said; } || wrong 'a new object'
rm -f full/new.o full/zeros
btc compile -e 'BEGIN { print(1); exit(); }' -o full/old.o || { echo 'no object'; exit 1; }
before=$(sha256sum full/old.o)
dd if=/dev/zero of=full/zeros bs=4k count=100 2> /dev/null
play btc compile -e 'BEGIN { print(2); exit(); }' -o full/old.o
{ [ $code = 1 ] && [ "$(sha256sum full/old.o)" = "$before" ]; } || wrong 'an old object'
# Temporary files are gone.
[ "$(ls -A full | tr '\n' ' ')" = 'old.o zeros ' ] || wrong 'files are left'
play btc run full/old.o
{ [ $code = 0 ] && grep -qx 1 printed; } || wrong 'the old object'
umount full
exit $bad
