#!/bin/sh
# The packages come to a clean tree, find no policy, start nothing and change no program; when they
# are purged, the tree is what it was.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/deb/support/machine.sh

runs_no_policyd() {
    ! inside sh -c 'grep -ls "^policyd$" /proc/[0-9]*/comm'
}

machine_make
ok "apt can have what the packages need" fetch
picture >"$dir/before"

ok "they install, and say why nothing is started" \
    says 'not started: write a policy' install_all /debs
ok "their versions are the tree's" sh -c '[ "$1" = "$2" ]' sh \
    "$(inside pillion --version) $(inside policyd --version)" \
    "$(sed -n 's/#define PIL_VERSION "\(.*\)"/pillion \1 policyd \1/p' core/defs.h)"
ok "no policyd runs" runs_no_policyd
ok "no program is preloaded" sh -c '! test -e "$1/etc/ld.so.preload"' sh "$tree"
ok "the folder for policies is empty" rmdir "$tree/etc/pillion/policy.d"
mkdir "$tree/etc/pillion/policy.d"
ok "its user owns nothing and cannot log in" says '^pillion:x:.*:/run/pillion:/usr/sbin/nologin$' \
    inside getent passwd pillion
ok "a program under it does not start without policyd" fails 'nothing was executed' \
    inside pillion run -- /bin/echo started
ok "the manual pages are there" inside sh -c 'for page in man1/pillion.1 man5/pillion-policy.5 \
    man5/policyd.conf.5 man8/policyd.8; do ls "/usr/share/man/$page.gz" || exit 1; done'
ok "one command's own policy needs no daemon" says 'started' inside pillion run \
    --solo /usr/share/doc/pillion/examples/observe.conf -- /bin/echo started

# A 32-bit program, where the compiler can make one: it is covered by a package of its own.
echo 'int main(void) { return 0; }' >"$dir/program32.c"
if ${CC:-cc} -m32 "$dir/program32.c" -o "$tree/debs/program32" 2>"$dir/cc"; then
    ok "a 32-bit program runs under it" inside pillion run \
        --solo /usr/share/doc/pillion/examples/observe.conf -- /debs/program32
    ok "the 32-bit library goes by itself" apt remove lib32pillion
    ok "and 32-bit programs are refused then" fails 'is not started' inside pillion run \
        --solo /usr/share/doc/pillion/examples/observe.conf -- /debs/program32
else
    number=$((number + 1))
    echo "ok $number - 32-bit programs # SKIP no -m32: $(head -1 "$dir/cc")"
fi

ok "they are removed" apt remove pillion policyd libpillion lib32pillion
ok "and their settings stay" test -f "$tree/etc/pillion/policyd.conf"
ok "they are purged, and what came with them" apt autoremove --purge policyd
picture >"$dir/after"
ok "the tree is what it was before" same "$dir/before" "$dir/after"
echo "1..$number"
