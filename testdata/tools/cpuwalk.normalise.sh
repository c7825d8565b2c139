# Samples are taken by each on its own: the CPUs seen stay.
sed -E 's/^(\[[^])]*[])]).*/\1 N/'
