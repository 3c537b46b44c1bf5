# What `strace -i -e trace=network,execve` saw of a victim's first thread, as it can be compared:
# its own network calls in their order, without what differs from run to run.
#
# Calls from within libpillion.so, told by the instruction pointer, are on behalf of the program
# when they are of the hooked kind and not on the link to policyd. What accept is given to write
# to is not compared, because the shim always asks for the address; nor are calls that fail for
# their very arguments, which need not reach the kernel. -v program=PATH: what comes before this is
# executed belongs to the command in front; -v first=HEX -v last=HEX: where the library is linked to
# lie, 16 digits.

function emit(line) {
    if (line ~ /= -1 E(BADF|FAULT) /)
        return
    gsub(/htons\([0-9]+\)/, "htons(P)", line)
    gsub(/sa_data="[^"]*"/, "sa_data", line)
    gsub(/0x[0-9a-f]+/, "PTR", line)
    gsub(/pillion-victim-[A-Za-z0-9_]+/, "pillion-victim-X", line)
    gsub(/[0-9][0-9][0-9][0-9][0-9]+/, "N", line)
    gsub(/ += /, " = ", line)
    if (line ~ /^accept\(/)
        sub(/\) = /, ", 0) = ", line)
    if (line ~ /^accept4?\(/)
        line = "accept4(" descriptor(line) line_end(line)
    print line
}

# From the last argument on.
function line_end(line) {
    sub(/.*, /, ", ", line)
    return line
}

function descriptor(line) {
    sub(/^[a-z0-9_]+\(/, "", line)
    return line + 0
}

!started {
    started = /\] execve\(/ && index($0, "execve(\"" program "\"") && / = 0$/
    next
}

!/^\[[0-9a-f]+\] [a-z]/ || /\] execve\(/ { next }

{
    at = substr($0, 2, 16)
    ours = at >= first && at <= last
    line = $0
    sub(/^\[[0-9a-f]+\] /, "", line)
}

ours && line ~ /^(getsockopt|setsockopt|getsockname|getpeername|recvmsg)\(/ { next }

# A link is a socket that is connected to policyd next.
held != "" {
    if (!(ours && line ~ /^connect\([0-9]+, .*sun_path=@"pillion\//))
        emit(held)
    held = ""
}
ours && line ~ /^socket\(AF_UNIX, SOCK_SEQPACKET\|SOCK_CLOEXEC, 0\)/ { held = line; next }
ours && line ~ /^connect\(/ {
    link[descriptor(line)] = line ~ /sun_path=@"pillion\//
}
ours && line !~ /^socket/ && link[descriptor(line)] { next }
{ emit(line) }

END { if (held != "") emit(held) }
