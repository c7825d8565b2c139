echo 123456 > seven.txt
dd if=seven.txt of=/dev/null bs=7 count=1 2> /dev/null
