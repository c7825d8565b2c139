/bin/mkdir folder
