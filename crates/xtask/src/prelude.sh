# Runs first in a guest: what is to be handed back goes over the second serial line.
exec 3>/dev/ttyS1
stty -F /dev/ttyS1 raw -echo

hand_back() { # TEST PART FILE: `@@ TEST PART BYTES`, a line end, the bytes
  printf '@@ %s %s %d\n' "$1" "$2" "$(wc -c < "$3")" >&3
  cat "$3" >&3
}

