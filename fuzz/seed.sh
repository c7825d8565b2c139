#!/bin/sh
# Fills the corpora from the test data: one file each, named by its content.
set -eu
cd "$(dirname "$0")"
mkdir -p corpus/parse corpus/compile corpus/roundtrip
seed() {
    find ../testdata -name "*.$2" | while read -r file; do
        cp "$file" "corpus/$1/$(sha1sum <"$file" | cut -c1-16)"
    done
}
seed parse bt
seed compile bt
seed roundtrip ir
