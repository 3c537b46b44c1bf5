#!/bin/sh
# Identities as an operator sees them: shown, renewed, rotated, revoked, believed on another host,
# kept over a restart, and red in time.
set -u
. "$(dirname "$0")/../common"
PATH=/usr/bin:/bin:/usr/sbin:/sbin
sock=$tmp/p.sock

cat >"$tmp/policy.conf" <<EOT
schema = 1
trust_domain = "corp.example"
default = deny
workload "sleeper" { exe = "$(readlink -f "$(command -v sleep)")" }
service "ledger" { endpoints = {"127.0.0.1:7"}  encrypt = required }
EOT
chmod 644 "$tmp/policy.conf"

settings() { # NAME MORE
    cat >"$tmp/$1.conf" <<EOT
socket = "$tmp/$1.sock"
abstract = ""
policy = {"$tmp/policy.conf"}
log = "$tmp/$1.log"
state = "$tmp/$1.state"
metrics = {"unix:$tmp/$1.http"}
switch = ""
deadline = 30s
$2
EOT
    chmod 600 "$tmp/$1.conf"
}

start() { # NAME
    "$policyd" -f -c "$tmp/$1.conf" 2>>"$tmp/$1.err" &
    pid=$!
    jobs="$jobs $pid"
    ready "$pillion" status -s "$tmp/$1.sock" >/dev/null 2>&1
}

field() { # NAME QUERY: of the report
    "$pillion" identity --json -s "$tmp/$1.sock" | python3 -c "
import json, sys
report = json.load(sys.stdin)
print($2)"
}

is() { # NAME QUERY VALUE
    [ "$(field "$1" "$2")" = "$3" ]
}

health_is() { # NAME CODE PATTERN
    code=$(curl -s --unix-socket "$tmp/$1.http" -o "$tmp/body" -w '%{http_code}' http://x/healthz)
    [ "$code" = "$2" ] && grep -q "$3" "$tmp/body"
}

id=spiffe://corp.example/sleeper
only="report['identities'][0]"
states="sorted(r['state'] for r in report['roots'])"
who="\"workload\":\"sleeper\",\"id\":\"$id\",\"serial\":\"[0-9a-f]*\","
when='"now":"2[^"]*","not_before":"2[^"]*","not_after":"2'

settings p 'identity_lifetime = 6s'
start p
first=$pid
"$pillion" run -s "$sock" -- sleep 1000 &
jobs="$jobs $!"
ok "a workload that is there has an identity" ready is p "len(report['identities'])" 1
ok "by its title in the trust domain" is p "$only['id']" "$id"
ok "the list for people says so" tells 0 "^sleeper  *$id" "$pillion" identity -s "$sock"
serial=$(field p "$only['serial']")
renewed() { ! is p "$only['serial']" "$1"; }
ok "it is renewed without being asked" ready renewed "$serial"
ok "and the log says what lives from when to when" grep -q \
    "\"event\":\"identity-renewed\",$who$when" "$tmp/p.log"
ok "health is good" health_is p 200 '^ok$'

# ---- the root's file, and openssl's word on it -----------------------------------------------

secret() { ! "$pillion" identity --json -s "$sock" | grep PRIVATE; }
ok "no key is in any answer" secret
"$pillion" identity roots -s "$sock" >"$tmp/roots.pem"
ok "openssl takes the root for one" \
    openssl verify -x509_strict -CAfile "$tmp/roots.pem" "$tmp/roots.pem"
ok "its file is closed to others" [ "$(stat -c %a "$tmp/p.state/ca/corp.example")" = 600 ]
ok "and so are its folders" [ "$(stat -c %a "$tmp/p.state" "$tmp/p.state/ca" | sort -u)" = 700 ]
locked() { is p "report['locked']" True || tells 0 RLIMIT_MEMLOCK "$pillion" identity -s "$sock"; }
ok "private keys are locked in memory, or it says so" locked

# ---- rotation ------------------------------------------------------------------------------------

ok "nothing can be activated that is not prepared" tells 1 'first step is prepare' \
    "$pillion" identity rotate activate -s "$sock"
ok "prepare" "$pillion" identity rotate prepare -s "$sock"
ok "shows two roots" is p "$states" "['active', 'prepared']"
ok "activate" "$pillion" identity rotate activate -s "$sock"
ok "retire is done once identities of the old one have lapsed" \
    ready "$pillion" identity rotate retire -s "$sock"
ok "one root is left" is p "$states" "['active']"
ok "the log has each step and who asked" grep -q \
    '"identity-rotated","serial":"[0-9a-f]*","state":"activated","by":"pid [0-9]*, uid [0-9]*"' \
    "$tmp/p.log"
ok "a step that is none" tells 2 'legal is prepare, activate, retire' \
    "$pillion" identity rotate back -s "$sock"

# ---- revocation ----------------------------------------------------------------------------------

serial=$(field p "$only['serial']")
ok "a serial number is revoked" "$pillion" identity revoke "$serial" -s "$sock"
ok "and its workload has another at once" renewed "$serial"
ok "an identity is revoked" "$pillion" identity revoke "$id" -s "$sock"
ok "which shows" is p "$only['revoked']" True
ok "what is neither is refused" tells 2 'legal is a serial number in hex' \
    "$pillion" identity revoke sleeper -s "$sock"
if [ "$(id -u)" -eq 0 ]; then
    chmod 711 "$tmp"
    cp "$pillion" "$tmp/pillion"
    chmod 755 "$tmp/pillion"
    ok "only some may" tells 4 "only root, policyd's own user" \
        setpriv --reuid 54321 --clear-groups "$tmp/pillion" identity rotate prepare -s "$sock"
    ok "everybody may look" setpriv --reuid 54321 --clear-groups "$tmp/pillion" identity -s "$sock"
fi

# ---- a restart -----------------------------------------------------------------------------------

roots=$(field p "[r['sha256'] for r in report['roots']]")
kill -9 "$first"
wait "$first" 2>/dev/null
start p
ok "its roots outlive it" is p "[r['sha256'] for r in report['roots']]" "$roots"
ok "and what is revoked" is p "len(report['revoked'])" 2
ok "one is restored" "$pillion" identity restore "$id" -s "$sock"
ok "only once" tells 1 'it is not revoked' "$pillion" identity restore "$id" -s "$sock"

# ---- another host ----------------------------------------------------------------------------

"$pillion" identity roots -s "$sock" >"$tmp/roots.pem"
settings q "trust = {\"$tmp/roots.pem\"}"
start q
ok "another host believes its roots" is q "$states" "['active', 'trusted']"
head -c 300 "$tmp/roots.pem" >"$tmp/torn.pem"
cp "$tmp/roots.pem" "$tmp/whole.pem"
mv "$tmp/torn.pem" "$tmp/roots.pem"
ok "a torn file is noticed" ready health_is q 503 \
    '^trust-failed: .*roots.pem": it is cut short; the roots before it stay$'
ok "and changes nothing" is q "$states" "['active', 'trusted']"
mv "$tmp/whole.pem" "$tmp/roots.pem"
ok "a whole one ends that" ready health_is q 200 '^ok$'
"$pillion" run -s "$tmp/q.sock" -- sleep 1000 &
jobs="$jobs $!"
ready is q "len(report['identities'])" 1
"$pillion" identity rotate prepare -s "$tmp/q.sock" >/dev/null
"$pillion" identity rotate activate -s "$tmp/q.sock" >/dev/null
ok "retire is refused while identities of the old root live" tells 1 'alive until 20' \
    "$pillion" identity rotate retire -s "$tmp/q.sock"
ok "and done by force" "$pillion" identity rotate --force retire -s "$tmp/q.sock"

settings r ""
sed -i 's|r\.state|q.state|' "$tmp/r.conf"
start r
ok "a second policyd does not share a state, and says why" health_is r 503 \
    '^identity-failed: .*q.state: another policyd uses it'

# ---- files -------------------------------------------------------------------------------------

mkdir "$tmp/agent"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$tmp/ca.key" \
    -out "$tmp/agent/ca.crt" -days 1 -subj /CN=agent \
    -addext keyUsage=critical,keyCertSign 2>/dev/null
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$tmp/agent/tls.key" \
    -out "$tmp/agent/tls.crt" -days 1 -subj /CN=x -CA "$tmp/agent/ca.crt" -CAkey "$tmp/ca.key" \
    -addext basicConstraints=critical,CA:FALSE -addext keyUsage=critical,digitalSignature \
    -addext subjectAltName=URI:spiffe://corp.example/ns/a 2>/dev/null
chmod 600 "$tmp/agent/tls.key"
settings f "identity = files
identity_files = {\"$tmp/agent\"}"
start f
"$pillion" run -s "$tmp/f.sock" -- sleep 1000 &
jobs="$jobs $!"
ok "files of another agent are taken" ready is f "[i['id'] for i in report['identities']]" \
    "['spiffe://corp.example/ns/a']"
ok "whose issuer rotates" tells 1 'whoever issues them rotates' \
    "$pillion" identity rotate prepare -s "$tmp/f.sock"
echo "1..$number"
