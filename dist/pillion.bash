# Completion of pillion(1) for bash: subcommands, options, files, and the names of workloads that
# are attached to the policyd in use.

_pillion_workloads()
{
    pillion status --processes --json 2>/dev/null |
        sed -n 's/^ *"workload": "\([A-Za-z0-9._-]\{1,\}\)",\{0,1\}$/\1/p' | sort -u
}

_pillion_processes()
{
    pillion status --processes --json 2>/dev/null |
        sed -n '/"attached"/,$s/^ *"pid": \([0-9]\{1,\}\),\{0,1\}$/\1/p'
}

_pillion_units()
{
    systemctl list-unit-files --no-legend --no-pager --type=service 2>/dev/null | cut -d" " -f1
}

# Index of the word behind the options of `run` and `learn`, where the other program begins; 0 if not yet.
_pillion_program()
{
    local i
    for ((i = 2; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        --argv0 | --solo | --log | --socket | --timeout | -s | -t) ((i++)) ;;
        --output | -o | --title | --owner | --by | --widen | --unit | -u | --workload | -w | --for) ((i++)) ;;
        --) echo $((i + 1)); return ;;
        -*) ;;
        *) echo "$i"; return ;;
        esac
    done
    echo 0
}

_pillion()
{
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
    local commands="run inspect check explain render status reload decisions learn shadow switch identity"
    commands+=" enable disable version help"
    local options="" start
    COMPREPLY=()

    if ((COMP_CWORD == 1)); then
        COMPREPLY=($(compgen -W "$commands --help --version" -- "$cur"))
        return
    fi
    if [[ ${COMP_WORDS[1]} == run || ${COMP_WORDS[1]} == learn ]]; then
        start=$(_pillion_program)
        if ((start > 0 && start < COMP_CWORD)); then
            if declare -F _command_offset >/dev/null; then
                _command_offset "$start"
            else
                COMPREPLY=($(compgen -f -- "$cur"))
            fi
            return
        fi
    fi
    case $prev in
    --solo | --policy | --exe | --log | --socket | -s | --file | --root | --output | -o)
        COMPREPLY=($(compgen -f -- "$cur"))
        return
        ;;
    -e)
        [[ ${COMP_WORDS[1]} == explain ]] && COMPREPLY=($(compgen -f -- "$cur"))
        return
        ;;
    --as | --workload | -w)
        COMPREPLY=($(compgen -W "$(_pillion_workloads)" -- "$cur"))
        return
        ;;
    --pid)
        COMPREPLY=($(compgen -W "$(_pillion_processes)" -- "$cur"))
        return
        ;;
    --widen)
        COMPREPLY=($(compgen -W "loopback network private any" -- "$cur"))
        return
        ;;
    --by)
        COMPREPLY=($(compgen -W "exe user unit cgroup" -- "$cur"))
        return
        ;;
    --title | --owner | --for | --since)
        return
        ;;
    --user | -u)
        COMPREPLY=($(compgen -u -- "$cur"))
        return
        ;;
    --unit)
        [[ ${COMP_WORDS[1]} == inspect ]] && COMPREPLY=($(compgen -W "$(_pillion_units)" -- "$cur"))
        return
        ;;
    --timeout | -t | --at | --cgroup | --sha256 | --source | --peer | --caller | -c | --name | \
        -n | --host-id | --argv0 | --reason | -r | --for)
        return
        ;;
    esac
    case ${COMP_WORDS[1]} in
    run) options="--argv0 --solo --log --socket --timeout --verbose --help" ;;
    inspect) options="--unit --pid --user --json --socket --help" ;;
    check) options="--json --portable --help" ;;
    explain)
        options="--as --pid --exe --user --unit --cgroup --sha256 --name --source --peer --caller --at \
            --host-id --policy --all --json --socket --help"
        ;;
    render) options="--json --socket --help" ;;
    status) options="--processes --connections --json --socket --help" ;;
    reload) options="--json --socket --help" ;;
    learn)
        options="--output --title --owner --by --widen --exact --force --wait --unit --workload \
            --for --socket --help"
        ;;
    shadow)
        options="--rules --policy --workload --since --log --reset --json --socket --help"
        ;;
    decisions) options="--follow --log --denied --workload --json --socket --help" ;;
    enable) options="--check --print --no-reload --root --socket --help" ;;
    disable) options="--print --no-reload --root --help" ;;
    switch) options="--reason --for --file --json --socket --help" ;;
    identity) options="--force --json --socket --help" ;;
    version) options="--json --help" ;;
    esac
    if [[ $cur == -* ]]; then
        COMPREPLY=($(compgen -W "$options" -- "$cur"))
        return
    fi
    case ${COMP_WORDS[1]} in
    run | learn) COMPREPLY=($(compgen -c -- "$cur")) ;;
    inspect)
        COMPREPLY=($(compgen -c -- "$cur") $(compgen -f -- "$cur"))
        [[ $cur == *.* ]] && COMPREPLY+=($(compgen -W "$(_pillion_units)" -- "$cur"))
        ;;
    check | render) COMPREPLY=($(compgen -f -- "$cur")) ;;
    explain) COMPREPLY=($(compgen -W "connect accept listen send resolve" -- "$cur")) ;;
    enable | disable) COMPREPLY=($(compgen -W "$(_pillion_units)" -- "$cur")) ;;
    switch) COMPREPLY=($(compgen -W "on shadow off" -- "$cur")) ;;
    identity)
        case $prev in
        rotate) COMPREPLY=($(compgen -W "prepare activate retire" -- "$cur")) ;;
        revoke | restore) COMPREPLY=() ;;
        *) COMPREPLY=($(compgen -W "roots rotate revoke restore" -- "$cur")) ;;
        esac
        ;;
    help) COMPREPLY=($(compgen -W "$commands" -- "$cur")) ;;
    esac
}

complete -o filenames -o bashdefault -F _pillion pillion
