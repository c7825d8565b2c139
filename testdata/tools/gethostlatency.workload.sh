#: no-such-host
getent ahosts btc-host
getent hosts localhost
getent hosts 127.0.0.7
getent ahosts no-such-host
