# libbpf has nothing to warn of in the proofs' own objects, and the kernel takes each without attaching it. Those of the
# cases are run under -v, and no warning is among what they may say.
bad=0
for object in /payload/objects/bound_*.o; do
  name=${object##*/}
  # Before 5.12 that function has another name: one error, too.
  case $(uname -r)/$name in
    5.10.*/bound_bpf.*)
      btc-run --dry-run "$object" > said 2>&1 < /dev/null && { echo "$name: no error"; bad=1; }
      grep -qx '.*: cannot attach fexit:vmlinux:__sys_bpf: this kernel has no function __sys_bpf with known types' said &&
        [ "$(grep -c . said)" = 1 ] || { echo "$name: another error"; tail -n 5 said; bad=1; }
      continue;;
  esac
  # An argument or result that is something else here is one error, see bound.sh.
  btc-run --dry-run "$object" > said 2>&1 < /dev/null || { grep -q 'cannot bind' said && continue; }
  btc-run -v --dry-run "$object" > said 2>&1 < /dev/null || { echo "${object##*/}: exit $?"; tail -n 5 said; bad=1; }
  if grep '^warning:' said; then echo "  (${object##*/})"; bad=1; fi
done
exit $bad
