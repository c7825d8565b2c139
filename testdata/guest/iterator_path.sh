# Paths of open files: what an iterator hands over is a pointer that the kernel vouches for, if the program takes it as it is.
# Linux 5.10 lets no iterator ask.
cat > paths.bt << 'SCRIPT'
iter:task_file
/ctx.task.tgid == (int32)$1/
{
  printf("%d %s\n", ctx.fd, path(ctx.file.f_path));
  if (ctx.fd == 8) {
    printf("again %s %s\n", path(&ctx.file.f_path), path(ctx.file->f_path));
  }
}
SCRIPT
sleep 600 8< /etc/passwd 9> /dev/null &
holder=$!
timeout 120 btc run paths.bt $holder > said 2>&1 < /dev/null
kill $holder
case $(uname -r) in 5.10.*) grep -q '^ERROR: paths.bt:[46][^ ]*: this kernel does not let .* bpf_d_path() ' said && exit 0;; esac
grep -q '^8 .*/passwd$' said && grep -q '^again .*/passwd .*/passwd$' said && grep -q '^9 /dev/null$' said && exit 0
cat said
exit 1
