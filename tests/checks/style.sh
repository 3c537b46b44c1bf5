#!/bin/sh
# The parts of the house style that a machine can hold: no tabs, 100 columns, include guards, no
# leftover notes, one newline at the end. clang-format is `make lint`, not a test.
set -u
cd "$(dirname "$0")/../.." || exit 1

report() {
    offences=$(cat)
    if [ -z "$offences" ]; then
        echo "ok - $1"
    else
        echo "not ok - $1"
        echo "$offences" | head -30 | sed 's/^/# /'
    fi
}

code=$(find core conf shim preload policyd cli tests bench \( -name '*.c' -o -name '*.h' \) | sort)
scripts=$(find tests bench examples .ci -type f \( -name '*.sh' -o -path '.ci/*' \) 2>/dev/null |
    sort)
headers=$(find core conf shim preload policyd cli tests bench -name '*.h' | sort)
tab=$(printf '\t')

# shellcheck disable=SC2086
{
    grep -n "$tab" $code $scripts | cut -c1-80 | report "no tabs"
    # Characters, not bytes: a dash in a comment is one column.
    awk 'length($0) > 100 { print FILENAME ":" FNR ": " length($0) " columns" }' $code $scripts |
        report "no line over 100 columns"
    grep -nE ' +$' $code $scripts | cut -c1-80 | report "no blanks at the end of a line"
    grep -nE '\b(TO''DO|FIX''ME|XX''X)\b' $code $scripts | report "no leftover notes"
    git grep -nE '^(<{7}|>{7})( |$)' -- . 2>/dev/null | report "no half-done merge"
    for header in $headers; do
        name=$(echo "$header" | sed 's|^tests/support/|tests/|' | tr 'a-z/.-' 'A-Z___')
        grep -q "^#ifndef PIL_$name\$" "$header" && grep -q "^#define PIL_$name\$" "$header" ||
            echo "$header: its guard is not PIL_$name"
    done | report "headers have include guards of their own name"
    for file in $code $scripts; do
        [ -z "$(tail -c1 "$file")" ] || echo "$file"
    done | report "files end in a newline"
    for script in $scripts; do
        sh -n "$script" 2>&1
    done | report "scripts parse"
}
