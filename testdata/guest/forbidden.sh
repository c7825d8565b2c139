# A function that a kernel lets some probes call only is an error at the script's line that says so, and no bug of btc.
cat > forbidden.bt << 'SCRIPT'
fentry:vfs_read
{
  print(path(args.file->f_path));
}
SCRIPT
timeout 60 btc run --dry-run forbidden.bt > said 2>&1 < /dev/null && { echo "it loads"; exit 1; }
grep -q 'ERROR: forbidden.bt:3[^ ]*: this kernel does not let fentry:[a-z:]*vfs_read do that: .*bpf_d_path() ' said && ! grep -q 'a bug' said && exit 0
cat said
exit 1
