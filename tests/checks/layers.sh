#!/bin/sh
# Includes only point down: tests/layers.txt says who may include whom.
set -u
cd "$(dirname "$0")/../.." || exit 1
rules=tests/layers.txt

# Says one TAP line; the offences come in on stdin.
report() {
    offences=$(cat)
    if [ -z "$offences" ]; then
        echo "ok - $1"
    else
        echo "not ok - $1"
        echo "$offences" | sed 's/^/# /'
    fi
}

files() {
    find "$@" \( -name '*.c' -o -name '*.h' -o -name '*.S' \) 2>/dev/null | sort
}

# "file:line:header" of every include with the given opening character.
includes() {
    opening=$1
    shift
    [ $# -eq 0 ] || grep -Hn "^[[:space:]]*#[[:space:]]*include[[:space:]]*$opening" "$@" |
        sed 's/^\([^:]*:[0-9]*\):[^"<]*["<]\([^">]*\)[">].*/\1:\2/'
}

layers=$(sed -n 's/^layer \([a-z]*\):.*/\1/p' "$rules")
[ -n "$layers" ] || { echo "not ok - $rules names no layer"; exit 1; }

# Every folder with sources has a line.
for folder in $(files core conf shim preload policyd cli tests bench | cut -d/ -f1 | sort -u); do
    echo "$layers" | grep -qx "$folder" || echo "$folder/ has no line in $rules"
done | report "every folder of sources has a layer"

for layer in $layers; do
    legal=$(sed -n "s/^layer $layer: *//p" "$rules")
    # shellcheck disable=SC2046
    includes '"' $(files "$layer") | while IFS=: read -r file line header; do
        case $header in
        */*) ;;
        *) echo "$file:$line: \"$header\" is not written from the root"; continue ;;
        esac
        [ -f "$header" ] || echo "$file:$line: \"$header\" does not exist"
        allowed=no
        for target in $legal; do
            case $header in "$target" | "$target"/*) allowed=yes ;; esac
        done
        [ $allowed = yes ] || echo "$file:$line: $layer may not include \"$header\"; legal: $legal"
    done | report "$layer includes only: $legal"
done

# Own headers in angle brackets would step around the lines above.
# shellcheck disable=SC2046
includes '<' $(files $layers) | while IFS=: read -r file line header; do
    for layer in $layers; do
        case $header in "$layer"/*) echo "$file:$line: <$header> belongs in quotes" ;; esac
    done
done | report "no header of ours in angle brackets"

sed -n 's/^library \([^:]*\): *\(.*\)/\1 \2/p' "$rules" | while read -r header places; do
    # shellcheck disable=SC2046
    includes '<' $(files $layers) | grep ":$header" | while IFS=: read -r file line _; do
        allowed=no
        for place in $places; do
            case $file in "$place") allowed=yes ;; esac
            case $place in */) case $file in "$place"*) allowed=yes ;; esac ;; esac
        done
        [ $allowed = yes ] || echo "$file:$line: <$header> belongs in: $places"
    done
done | report "library headers stay in their files"
