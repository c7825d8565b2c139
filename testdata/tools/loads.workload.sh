#: TIME load averages
sleep 3
