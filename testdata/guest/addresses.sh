# Probes at plain addresses: of the kernel, which wants --unsafe, and of a binary.
bad=0 n=0
fires() { # EXPECTED ARGUMENTS...: btc beside a workload must print this line
  expected=$1; shift
  n=$((n + 1))
  trace out-a err-a 120 btc "$@"
  /bin/mkdir "folder$n"; allocate 7 64
  kill -TERM $tracer; wait $tracer
  if ! grep -qxF "$expected" out-a; then echo "$*: expected $expected"; cat out-a err-a; bad=1; fi
}
# The same file system call at the same address, from a script and from an object.
kernel=0x$(grep ' vfs_mkdir$' /proc/kallsyms | cut -d' ' -f1)
script="kprobe:$kernel /comm == \"mkdir\"/ { @[ksym(reg(\"ip\"))] = count(); }"
fires '@[vfs_mkdir]: 1' --unsafe -e "$script"
btc compile --unsafe -e "$script" -o kernel.o && fires '@[vfs_mkdir]: 1' run --unsafe kernel.o
# Without the flag there is one error, at compile time and for a compiled object.
for run in "-e $script" kernel.o; do
  case $run in kernel.o) timeout 60 btc run kernel.o;; *) timeout 60 btc -e "$script";; esac > said 2>&1 < /dev/null
  code=$?
  if [ $code = 0 ] || [ "$(grep -c 'ERROR: ' said)" != 1 ] || ! grep -q -e --unsafe said; then
    echo "without --unsafe: exit code $code"; cat said; bad=1
  fi
done
# The address of a function in a program that is not moved is the one that the file says.
user=$(btc -c 'allocate 1 64' -e 'uprobe:/payload/bin/allocate:take { printf("%d\n", reg("ip")); }' | head -n 1)
script="uprobe:/payload/bin/allocate:$user { @[arg0] = count(); }"
fires '@[64]: 7' -e "$script"
btc compile -e "$script" -o user.o && fires '@[64]: 7' run user.o
exit $bad
