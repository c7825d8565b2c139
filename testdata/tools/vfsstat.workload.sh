#: vfs_create: yes
for round in 1 2 3 4; do
  /payload/bin/subject nodes
  rm one two three four five
  sleep 0.6
done
