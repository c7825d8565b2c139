#: one two words three
/bin/echo one 'two words' three
/bin/echo
/payload/bin/subject no such word
