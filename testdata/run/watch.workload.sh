watched 3
