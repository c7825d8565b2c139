kill -USR1 $(pidof btc btc-run)
