#: tcp_sendmsg
/payload/bin/subject drop
