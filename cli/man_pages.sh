#!/bin/sh
# Man pages out of the commands' own help, by help2man: cli/man_pages.sh SOUNDPROOF VERSION FOLDER
# writes FOLDER/soundproof.1, FOLDER/soundproof-COMMAND.1 for every command that its help lists, and
# FOLDER/soundproof-check.1 for the checker beside it.
set -eu

command=$(realpath "$1")
version=$2
folder=$3
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# page NAME PURPOSE - the page of a program in the scratch folder.
page() {
    chmod +x "$scratch/$1"
    help2man --no-info --section=1 --manual='soundproof' --source="soundproof $version" \
        --version-string="$version" --name="$2" --output="$folder/$1.1" "$scratch/$1"
}

# Between examples an empty line, which keeps help2man from filling them; a longer one in one line.
cat >"$scratch/examples.awk" <<'AWK'
/^[A-Z][a-z]*:/ { examples = ($0 == "Examples:") }
examples && /\\$/ { sub(/ *\\$/, ""); held = $0; next }
held != "" { sub(/^ */, ""); $0 = held " " $0; held = "" }
{ print }
examples && /^  / { print "" }
AWK

mkdir -p "$folder"
printf '#!/bin/sh\nexec "%s" "$@"\n' "$command" >"$scratch/soundproof"
page soundproof 'prove that noise within a budget cannot change the answer of a speech classifier'
printf '#!/bin/sh\nexec "%s-check" "$@"\n' "$command" >"$scratch/soundproof-check"
page soundproof-check 'check a certificate of soundproof'
"$command" help | sed -n '/^Commands/,/^$/s/^  \([a-z]*\)  *\(.*\)$/\1 \2/p' |
    while read -r name purpose; do
        [ "$name" != help ] || continue
        printf '#!/bin/sh\n"%s" %s "$@" | awk -f "%s"\n' "$command" "$name" \
            "$scratch/examples.awk" >"$scratch/soundproof-$name"
        page "soundproof-$name" "$purpose"
    done
