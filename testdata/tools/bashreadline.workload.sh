#: echo one   two
# Interactive, so that it reads its lines by readline().
printf 'echo one   two\n\n: "quoted"\nexit\n' | bash --norc -i
