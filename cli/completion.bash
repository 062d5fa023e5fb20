# Completion of soundproof's commands and options for bash (and zsh after bashcompinit), read from the
# command's own help.
_soundproof() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command='' at
    local -a words=()
    for ((at = 1; at < COMP_CWORD; at++)); do
        case ${COMP_WORDS[at]} in
        --threads) at=$((at + 1)) ;;
        -*) ;;
        *)
            command=${COMP_WORDS[at]}
            break
            ;;
        esac
    done
    [ "$before" != = ] || before=${COMP_WORDS[COMP_CWORD - 2]}
    word=${word#=}
    if [ -z "$command" ] || [ "$command" = help ]; then
        words=($(soundproof help 2>/dev/null | sed -n '/^Commands/,/^$/s/^  \([a-z]*\)  *.*$/\1/p') --threads)
    elif [ "$before" = --method ] || [ "$before" = --methods ]; then
        words=($(soundproof methods --json 2>/dev/null | sed -n 's/^{"method": *"\([^"]*\)".*/\1/p'))
    elif [ "$before" = --front-relax ]; then
        words=(interval r2 joint)
    elif [ "$before" = --norm ]; then
        words=(inf 2 1)
    elif [ "$before" = --backend ]; then
        words=(cpu cuda emulator)
    elif [ "$before" = --precision ]; then
        words=(float64 float32)
    elif [[ $word == -* ]]; then
        words=($(soundproof "$command" --help 2>/dev/null |
            sed -n 's/^ \{2,6\}\(-[a-z], \)\{0,1\}\(--[a-z0-9-]*\).*/\2/p'))
    fi
    COMPREPLY=($(compgen -W "${words[*]}" -- "$word"))
    if [ ${#COMPREPLY[@]} -eq 0 ]; then
        compopt -o default 2>/dev/null || COMPREPLY=($(compgen -f -- "$word"))
    fi
}
complete -F _soundproof soundproof
