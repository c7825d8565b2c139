# Time, thread id, latency.
sed -E 's/^[0-9]+ +[0-9]+ +openssl +[0-9]+ +/TIME TID openssl LAT /'
