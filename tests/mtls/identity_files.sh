#!/bin/sh
# Both ends under Pillion with an identity that another agent has put into files: what they show
# is a certificate of that authority.
set -u
. "$(dirname "$0")/common"
need openssl socat perl python3
. tests/mtls/authority

certify agent 'URI:spiffe://mtls.test/root'
SETTINGS="identity = files
identity_files = {\"$pki/agent.crt\", \"$pki/agent.key\", \"$pki/root.pem\"}"
users=root
IDENTITY=spiffe://mtls.test/root

shows() { # the certificate itself
    echo | openssl s_client -connect "127.0.0.1:$(port)" -cert "$pki/agent.crt" \
        -key "$pki/agent.key" -CAfile "$pki/root.pem" -verify_return_error -tls1_3 2>&1 |
        openssl x509 -noout -fingerprint | diff - "$pki/fingerprint"
}
talks() { echo "$marker" | $RUN socat -t 10 - "TCP:127.0.0.1:$(port)" | grep -qx "$marker"; }

openssl x509 -in "$pki/agent.crt" -noout -fingerprint >"$pki/fingerprint"
chmod 600 "$pki/agent.key"
dir=$tmp/work
mkdir "$dir"
take_ports
start_secured
start_capture
later $RUN socat "TCP-LISTEN:$(port),bind=127.0.0.1,reuseaddr,fork" EXEC:cat
ready talks
ok "$subject: both ends" talks
ok "$subject: the server shows the certificate of the files" shows
nothing_plain
