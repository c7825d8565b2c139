#: second_thread
/payload/bin/subject threads
