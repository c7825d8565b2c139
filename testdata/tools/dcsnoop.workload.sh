#: M btc-no-such-file
/bin/cat /tmp/btc-no-such-file
mkdir -p btc-folder; echo > btc-folder/btc-file
/bin/cat btc-folder/btc-file btc-folder/btc-other
