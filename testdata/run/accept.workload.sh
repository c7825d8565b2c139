# A connection to a server of IPv4, and one to a server of both families.
tcp 4 7101 40123
tcp 6 7102 40124 > /dev/null
