# libbpf has nothing to warn of in any object, and the kernel takes each without attaching it.
bad=0
for object in /payload/objects/*.o; do
  name=${object##*/}
  # Cases whose files say that this kernel cannot run them.
  case $LACKING in *" ${name%%.*} "*) continue;; esac
  # An argument or result that is something else here is one error, see bound.sh.
  case $name in bound_*) btc-run --dry-run "$object" > said 2>&1 < /dev/null || { grep -q 'cannot bind' said && continue; };; esac
  btc-run -v --dry-run "$object" > said 2>&1 < /dev/null || { echo "${object##*/}: exit $?"; tail -n 5 said; bad=1; }
  if grep '^warning:' said; then echo "  (${object##*/})"; bad=1; fi
done
exit $bad
