#!/bin/sh
# pillion enable and disable on units of every kind, in a mount namespace whose /etc/systemd/system
# is empty; systemd's own checker reads what was written. tests/systemd/boot.sh starts such units.
set -u
if [ -z "${PILLION_IN_NAMESPACE:-}" ]; then
    if [ "$(id -u)" -ne 0 ] || ! unshare -m true 2>/dev/null; then
        echo "ok 1 - pillion enable # SKIP needs root and a mount namespace of its own"
        exit 0
    fi
    PILLION_IN_NAMESPACE=1 exec unshare -m sh "$0"
fi
. "$(dirname "$0")/../common"
units=/etc/systemd/system
mkdir -p $units
mount -t tmpfs units $units || exit 1

enable() {
    "$pillion" enable "$@"
}

disable() {
    "$pillion" disable "$@"
}

# The start-up lines of a unit's drop-in, without what goes in front.
starts() {
    sed -n "s|$pillion||; s/^ExecStart=//p" "$units/$1.d/zz-pillion.conf" | sed 1d >"$tmp/got"
    printf '%s\n' "$2" | diff - "$tmp/got"
}

has() {
    grep -qx "$2" "$units/$1.d/zz-pillion.conf"
}

lacks() {
    ! grep -q "$2" "$units/$1.d/zz-pillion.conf"
}

verifies() {
    command -v systemd-analyze >/dev/null || return 0
    cp dist/policyd.service dist/policyd.socket $units
    sed -i 's|/usr/sbin/policyd|/bin/true|' $units/policyd.service
    systemd-analyze verify --man=no "$units/$1" 2>&1 | tee "$tmp/verify"
    rm $units/policyd.*
    ! [ -s "$tmp/verify" ]
}

unit() {
    printf '%s\n' "[Service]" "$2" >"$units/$1"
}

# ---- what is written --------------------------------------------------------------------------

unit plain.service 'Type=notify
ExecStart=/bin/sleep 5'
ok "a plain one" enable plain
ok "starts by pillion run" starts plain.service ' run -- /bin/sleep 5'
ok "behind policyd" has plain.service 'After=policyd.socket policyd.service'
ok "which it wants and does not require" lacks plain.service 'Requires'
ok "and keeps its sandbox" lacks plain.service 'RestrictAddressFamilies'
ok "systemd takes it" verifies plain.service
ok "once more is no change" sh -c "'$pillion' enable plain | grep 'is enabled already'"

cat >$units/odd.service <<'EOT'
[Service]
ExecStart=-/bin/sh -c 'echo "$HOME" %%i' ; /bin/echo ${X} \
  # a comment
  more
ExecStart=@/bin/sh -sh -c true
ExecStart=:+"/bin/sl\x65ep" 5
ExecStart=!/bin/echo a \; b ;
Type=oneshot
EOT
ok "several commands, prefixes, quotes" enable odd.service
cat >"$tmp/want" <<'EOT'
- run -- /bin/sh -c 'echo "$HOME" %%i'
 run -- /bin/echo ${X} more
 run --argv0 -sh -- /bin/sh -c true
:+ run -- /bin/sleep 5
! run -- /bin/echo a \; b
EOT
ok "each with its own" starts odd.service "$(cat "$tmp/want")"
ok "systemd takes them" verifies odd.service

unit box.service 'ExecStart=/bin/true
RestrictAddressFamilies=AF_INET
NoExecPaths=/
TemporaryFileSystem=/var
SystemCallFilter=~@clock'
ok "a sandbox" enable box
ok "lets unix sockets through" has box.service 'RestrictAddressFamilies=AF_UNIX'
ok "the command be executed" has box.service "ExecPaths=$pillion -.*"
ok "and the socket be seen" has box.service 'BindReadOnlyPaths=.* /run/pillion'
ok "systemd takes that" verifies box.service

unit tmpl@.service 'ExecStart=/bin/echo %i'
ok "a template" enable tmpl@.service
ok "keeps its specifier" starts tmpl@.service ' run -- /bin/echo %i'
ok "one instance" enable tmpl@one
ok "has a drop-in of its own" starts tmpl@one.service ' run -- /bin/echo %i'

# ---- what changes later -----------------------------------------------------------------------

mkdir $units/plain.service.d 2>/dev/null
unit plain.service.d/override.conf 'ExecStart=
ExecStart=/bin/sleep 9'
ok "a change is noticed" tells 1 'plain.service has changed since' enable --check
ok "and taken over" enable plain
ok "with what systemctl edit has written" starts plain.service ' run -- /bin/sleep 9'
ok "then nothing has changed" enable --check
unit plain.service.d/zzz.conf 'ExecStart=
ExecStart=/bin/sleep 1'
ok "who would be read behind it is named" \
    tells 1 'zzz.conf:2 sets ExecStart= and is read behind' enable plain
rm $units/plain.service.d/zzz.conf

ok "disable takes it away" disable plain
ok "and nothing else" sh -c "[ \"\$(ls $units/plain.service.d)\" = override.conf ]"
ok "once more is no failure" disable plain
disable tmpl@one >/dev/null
ok "a folder goes when it is empty" sh -c "! test -e $units/tmpl@one.service.d"

# ---- what is refused --------------------------------------------------------------------------

echo mine >$units/plain.service.d/zz-pillion.conf
ok "a file of somebody else is left alone" \
    tells 1 'was not written by pillion enable' enable plain
ok "by disable too" tells 1 'was not written by pillion enable' disable plain
ok "no such unit" tells 1 'there is no unit nosuch.service' enable nosuch
ln -s plain.service $units/alias.service
ok "another name" tells 1 'another name of plain.service' enable alias
ln -s /dev/null $units/masked.service
ok "a masked one" tells 1 'is masked' enable masked
ok "no service" tells 2 'legal is the name of a service' enable x.timer
ok "policyd itself" tells 1 'cannot be under the policy that it decides' enable policyd
unit none.service 'Type=oneshot
ExecStop=/bin/true'
ok "nothing to start" tells 1 'has no ExecStart' enable none
cp "$BUILD/victims/02_static" $tmp/static 2>/dev/null
unit static.service "ExecStart=$tmp/static"
ok "what cannot be covered" tells 126 'cannot cover it.*static' enable static
ok "leaves nothing" sh -c "! test -e $units/static.service.d"
unit root.service 'RootDirectory=/srv
ExecStart=/bin/true'
ok "another root" tells 126 'RootDirectory= keeps Pillion out' enable root
unit calls.service 'SystemCallFilter=read write
ExecStart=/bin/true'
ok "a filter that may be too narrow is named" \
    tells 0 'SystemCallFilter= has to allow what the library calls' enable calls
echo "1..$number"
