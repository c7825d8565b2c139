# A cgroup with little memory: a map for which there is none is refused in words, what fits runs and is exact, and nothing is
# killed, nor left behind.
bad=0
case $(uname -r) in 5.10.*) echo 'maps are charged to cgroups from Linux 5.11 on'; exit 77;; esac
mkdir -p cgroup && mount -t cgroup2 none cgroup 2> mounted || { cat mounted; exit 1; }
echo +memory > cgroup/cgroup.subtree_control
mkdir cgroup/little && echo $((48 << 20)) > cgroup/little/memory.max || exit 1
within() { # LIMIT COMMAND...: the exit code of a command in the cgroup
  limit=$1; shift
  ( echo 0 > cgroup/little/cgroup.procs; exec timeout -s KILL "$limit" "$@" ) > printed 2> said < /dev/null
  code=$?
}
wrong() { echo "$*: exit code $code"; tail -n 5 printed said; cat cgroup/little/memory.events; bad=1; }
within 120 btc -e 'let @a = hash(1000000); BEGIN { @a[1, 2] = 3; exit(); }'
{ [ $code = 1 ] && grep -q '^ERROR: .*memory' said; } || wrong 'a map of 80 MB'
within 120 btc -q -e 'let @a = hash(10000); BEGIN { for ($i : 0..1000) { @a[$i] = $i; } print(len(@a)); clear(@a); exit(); }'
{ [ $code = 0 ] && grep -qx 1000 printed && [ ! -s said ]; } || wrong 'a map of 1 MB'
grep -q '^oom_kill 0$' cgroup/little/memory.events || wrong 'something was killed'
[ ! -s cgroup/little/cgroup.procs ] || wrong 'something is left'
exit $bad
