#!/bin/sh
# A library that is missing, cut short, of the wrong class, not to be read or none at all: the
# launcher ends with a reason and a code of its own, and the program never runs.
set -u
. "$(dirname "$0")/common"
need cc

# The launcher in a place of its own, with a library that the case makes.
place=$tmp/place
mkdir -m 755 "$place" "$tmp/traces"
chmod 777 "$tmp/traces"
install -m 755 "$BUILD/pillion" "$BUILD/policyd" "$place" || exit 1
good=$BUILD/libpillion.so bad=$place/libpillion.so

refused() { # TEXT REASON [COMMAND...]: ends without success, says REASON, and nothing has run
    text=$1 reason=$2
    shift 2
    rm -f "$tmp/traces/ran"
    timeout 60 "$@" "$place/pillion" run --solo "$allow" -- touch "$tmp/traces/ran" \
        >"$tmp/out" 2>&1 </dev/null
    code=$?
    if [ $code -ne 0 ] && [ $code -lt 128 ] && [ ! -e "$tmp/traces/ran" ] &&
        grep -q "$reason" "$tmp/out"; then
        echo "ok - $text"
    else
        echo "not ok - $text"
        { echo "status $code"; ls "$tmp/traces"; cat "$tmp/out"; } | sed 's/^/# /'
    fi
}

install -m 755 "$good" "$bad"
touch_it="timeout 60 $place/pillion run --solo $allow -- touch $tmp/traces/ran"
if $touch_it && [ -e "$tmp/traces/ran" ]; then
    echo "ok - with the library the program runs"
else
    echo "not ok - with the library the program runs"
fi

rm "$bad"
refused "missing" 'libpillion.so is neither'
ln -s "$place/nowhere" "$bad"
refused "a link that leads nowhere" 'libpillion.so is neither'
rm "$bad"

# Cut at every tenth of its loaded part: whatever is missing, nothing runs.
size=$(readelf -lW "$good" | awk '$1 == "LOAD" { print $2, $5 }' | perl -ne '
    my ($at, $len) = map hex, split; $end = $at + $len if $at + $len > ($end // 0);
    END { print $end }')
failed=
for tenth in 0 1 2 3 4 5 6 7 8 9 10; do
    head -c $((size * tenth / 10 - (tenth == 10))) "$good" >"$bad"
    case $(refused "cut to $tenth tenths" 'passed over: the file ') in
    ok*) ;;
    *) failed="$failed $tenth" ;;
    esac
done 2>/dev/null
if [ -z "$failed" ]; then echo "ok - cut short anywhere"; else echo "not ok - cut to:$failed"; fi

head -c 4096 /dev/urandom >"$bad"
refused "noise" 'passed over: it is neither'
rm "$bad" && mkdir "$bad"
refused "a folder" 'libpillion.so'
rmdir "$bad" && mkfifo "$bad"
refused "a pipe, without waiting for a writer" 'libpillion.so'
rm "$bad"

# The class is in the header: the fifth byte of an ELF file, and the machine in the nineteenth.
cp "$good" "$bad"
printf '\001' | dd of="$bad" bs=1 seek=4 conv=notrunc status=none
printf '\003' | dd of="$bad" bs=1 seek=18 conv=notrunc status=none
refused "of the 32-bit class" 'there is no libpillion.so for its machine or word size'
cp "$good" "$bad"
printf '\267' | dd of="$bad" bs=1 seek=18 conv=notrunc status=none
refused "of another machine" 'there is no libpillion.so for its machine or word size'

install -m 000 "$good" "$bad"
if [ "$(id -u)" != 0 ]; then
    refused "not to be read" 'libpillion.so is neither'
elif command -v setpriv >/dev/null; then
    chmod 755 "$tmp"
    nobody="setpriv --reuid nobody --regid nogroup --clear-groups"
    # shellcheck disable=SC2086
    refused "not to be read" 'libpillion.so is neither' $nobody
else
    echo "ok - not to be read # SKIP needs setpriv, because root reads everything"
fi
