#!/bin/sh
# Finds words that docs/glossary.md lists under "Words that are not used", and fails if there are
# any: a new word is a new row there.
set -eu
cd "$(dirname "$0")/.."

# Uses that stay, as file:word: names that are shown for one release, or that a folder above has.
allowed='CHANGELOG.md:mend|docs/operations.md:mend|src/cli/doctor/answer.rs:mend'
# The name of a failpoint, and the help of a metric.
allowed="$allowed|crates/pipeline/src/flusher/flush.rs:told|crates/pipeline/src/counters.rs:nothing for"

find CHANGELOG.md README.md config crates deploy docs hook/src lua src web -type f \
    ! -path 'web/vendor/*' ! -name '*.png' ! -path deploy/prose.sh | sort |
    xargs awk -v allowed="^($allowed)\$" '
    # A word also stands for its forms: mend, mends, mended, mending.
    function pattern(word) { return "(^|[^a-z0-9_])" word "(s|ed|ing)?($|[^a-z0-9_])" }
    FNR == 1 { before = ""; listed = 0 }
    FILENAME == glossary && /^## / { listed = /not used/ }
    listed {
        if (!/^\| [a-z]/ || /^\| not \|/) next
        split($0, cells, "|")
        count = split(tolower(cells[2]), words, ",")
        for (i = 1; i <= count; i++) {
            gsub(/^ +| +$/, "", words[i])
            patterns[words[i]] = pattern(words[i])
            any = any (any ? "|" : "") words[i]
        }
        next
    }
    {
        line = tolower($0)
        sub(/^[ \t]*(\/\/[\/!]?|#|--|\*|>)? */, "", line)
        both = before " " line
        if (both ~ any) for (word in patterns) {
            found = line ~ patterns[word] || (before !~ patterns[word] && both ~ patterns[word])
            if (found && FILENAME ":" word !~ allowed) {
                print FILENAME ":" FNR ": " word ": " $0
                bad = 1
            }
        }
        before = line
    }
    END { exit bad }' glossary=docs/glossary.md docs/glossary.md || {
    echo "docs/glossary.md has the words to use instead" >&2
    exit 1
}
