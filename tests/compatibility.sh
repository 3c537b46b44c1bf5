#!/bin/sh
# docs/compatibility.md: what a program notices of Pillion, by the checklist and the tests' results.
#
#   tests/compatibility.sh          writes the page from $BUILD/results
#   tests/compatibility.sh check    says whether the page is what the results yield, item by item
#
# Both need the results of a whole run (tests/run.sh without arguments); a test without a result is
# no result. What was skipped is not in the page as long as another test of its item ran: which
# programs are installed differs from host to host, and the run itself says what it skipped. An
# item with nothing but skipped tests is shown as skipped.
set -u
cd "$(dirname "$0")/.." || exit 1
results=${BUILD:-build}/results
page=docs/compatibility.md
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT

# "NUMBER FILE" for each test of an item, by its name and by its "also:" line.
tests_of_items() {
    for file in tests/victims/*.c tests/victims/*.sh tests/programs/*.sh; do
        case $(basename "$file") in
        [0-9][0-9]_*) echo "$(basename "$file" | cut -c1-2) $file" ;;
        esac
        for number in $(sed -n '/^\(#\|\/\/\) also: /{s/^.* also: //;p;q}' "$file"); do
            echo "$number $file"
        done
    done | sort -u
}

# One row "NUMBER|STATUS|TESTS|REASON" for each item, with "-" for nothing; the reason
# says why it was skipped, or what is wrong.
judge() {
    tests_of_items >"$tmp/tests"
    while IFS='|' read -r number _ _ how _; do
        number=$(echo $number) how=$(echo $how)
        files=$(sed -n "s/^$number //p" "$tmp/tests")
        : >"$tmp/said"
        missing=
        for file in $files; do
            cat "$results/${file#tests/}" >>"$tmp/said" 2>/dev/null || missing="$missing $file"
        done
        reason=
        if [ -z "$files" ]; then
            case $how in tls) status=TLS ;; *) status=untested reason="no test" ;; esac
        elif [ -n "$missing" ]; then
            status='not run' reason="no result of$missing"
        elif grep -q '^failed' "$tmp/said"; then
            status=fails reason=$(grep -m 1 '^failed' "$tmp/said" | cut -f 2)
        elif ! grep -q '^ok' "$tmp/said"; then
            status=skipped reason=$(grep -m 1 '^skipped' "$tmp/said" | cut -f 3)
        else
            case $how in covered) status=passes ;; *) status=$how ;; esac
        fi
        files=$(echo $files)
        printf '%s|%s|%s|%s\n' "$number" "$status" "${files:--}" "${reason:--}"
    done <"$tmp/items"
}

render() {
    cat <<'TOP'
# Compatibility

What a program notices of Pillion: sixty items, each held by tests that run the same thing without
Pillion and with it. Made by `make compatibility` from tests/checklist.txt and the results of
`make check`, which says so when this page is not what the tests yield. A test whose program is not
installed is skipped, which the run tells and counts; as long as others of its item ran, the item is
judged by them. How the tests work stands in [tests/README.md](../tests/README.md).

| status | means |
| --- | --- |
| passes | no difference was found but the policy's |
| refused | a preload cannot reach it, so it is not started or not let through, and told why |
| named | a part stays out of reach; the note says which |
| TLS | about TLS between programs: not judged here, see tests/mtls |
| skipped | none of its tests could run where this page was made |

TOP
    area=
    while IFS='|' read -r number where title _ note; do
        number=$(echo $number) where=$(echo $where)
        if [ "$where" != "$area" ]; then
            [ -z "$area" ] || echo
            area=$where
            echo "## $area"
            echo
            echo '| item | what is asked | status | tests | note |'
            echo '| --- | --- | --- | --- | --- |'
        fi
        IFS='|' read -r _ status files reason <<ROW
$(grep "^$number|" "$tmp/rows")
ROW
        [ "$status" != skipped ] || note="${note:+$note; }$reason"
        list=
        for file in $files; do
            case $file in -) ;; *) list="$list${list:+, }$(basename "$file")" ;; esac
        done
        echo "| $number |$title| $status | $list | $(echo $note) |"
    done <"$tmp/items"
}

compare() {
    wrong=0
    render >"$tmp/page"
    while IFS='|' read -r number status _ reason; do
        case $status in
        fails | untested | 'not run')
            wrong=1
            echo "not ok - item $number $status: $reason" ;;
        skipped)
            echo "ok - item $number as $page says # SKIP $reason" ;;
        esac
    done <"$tmp/rows"
    [ $wrong = 0 ] || return
    # What was skipped here may have been run where the page was made, and the page stands.
    skipped=$(sed -n 's/^\([0-9]*\)|skipped|.*/\1/p' "$tmp/rows" | paste -sd '|')
    for side in "$page" "$tmp/page"; do
        grep -vE "^\\| (${skipped:-none}) \\|" "$side" >"$tmp/$(basename "$side").kept"
    done
    if cmp -s "$tmp/compatibility.md.kept" "$tmp/page.kept"; then
        echo "ok - $page is what the tests yield"
    else
        echo "not ok - $page is what the tests yield; \`make compatibility\` writes it"
        diff "$tmp/compatibility.md.kept" "$tmp/page.kept" | sed 's/^/# /' | head -20
    fi
}

[ -d "$results" ] || { echo "not ok - there are results: run tests/run.sh first"; exit 1; }
grep '^[0-9]' tests/checklist.txt >"$tmp/items"
judge >"$tmp/rows"
if [ "${1:-}" = check ]; then
    compare
    exit 0
fi
if grep -q '|not run|' "$tmp/rows"; then
    grep '|not run|' "$tmp/rows" | cut -d '|' -f 1,4
    echo "not written: these items have no results; run tests/run.sh without arguments first" >&2
    exit 1
fi
render >"$page"
