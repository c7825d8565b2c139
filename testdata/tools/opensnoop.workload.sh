#: below/no-such-file
mkdir -p folder/below
(cd folder/below && /payload/bin/subject opens)
