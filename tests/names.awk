# The names that C headers declare, one a line: "kind name file:line". Kinds: type, function, macro,
# constant (of an enum), variable. It relies on the layout that clang-format gives every file.
function tell(kind, name) {
    print kind, name, FILENAME ":" FNR
}

# Comments go; what stands between two of them on a line stays.
function bare(line,    out, at) {
    out = ""
    while (line != "") {
        if (in_comment) {
            at = index(line, "*/")
            if (at == 0) {
                return out
            }
            line = substr(line, at + 2)
            in_comment = 0
        } else if (match(line, /\/\*|\/\//)) {
            out = out substr(line, 1, RSTART - 1)
            if (substr(line, RSTART, 2) == "//") {
                return out
            }
            line = substr(line, RSTART + 2)
            in_comment = 1
        } else {
            return out line
        }
    }
    return out
}

# The last word of a text without what follows it.
function last_word(text) {
    return match(text, /[A-Za-z_0-9]+[^A-Za-z_0-9]*$/) ? word_at(text, RSTART) : ""
}

function word_at(text, at) {
    text = substr(text, at)
    return match(text, /^[A-Za-z_0-9]+/) ? substr(text, 1, RLENGTH) : ""
}

function constants(text,    part, count, i) {
    count = split(text, part, ",")
    for (i = 1; i <= count; i++) {
        sub(/^[ {]+/, "", part[i])
        if (word_at(part[i], 1) != "" && part[i] !~ /^[A-Z_0-9]+\(/) { # no list of a macro
            tell("constant", word_at(part[i], 1))
        }
    }
}

FNR == 1 {
    in_comment = in_enum = in_macro = 0
}

{
    line = bare($0)
    if (in_macro) { # the rest of a macro of several lines
        in_macro = line ~ /\\$/
        next
    }
}

line ~ /^#[ ]*define / {
    sub(/^#[ ]*define /, "", line)
    tell("macro", word_at(line, 1))
    in_macro = line ~ /\\$/
    next
}

line ~ /^#/ {
    next
}

line ~ /enum[ A-Za-z_0-9]*\{/ {
    in_enum = 1
    text = line
    sub(/.*enum[ A-Za-z_0-9]*\{/, "", text)
    closed = index(text, "}")
    constants(closed ? substr(text, 1, closed - 1) : text)
    in_enum = !closed
    if (closed && line ~ /^typedef/) {
        tell("type", last_word(line))
    }
    next
}

in_enum {
    closed = index(line, "}")
    constants(closed ? substr(line, 1, closed - 1) : line)
    in_enum = !closed
}

line ~ /^\} [A-Za-z_0-9]+;/ {
    tell("type", word_at(line, 3))
    next
}

line ~ /^typedef .*\(\*[a-z_0-9]+\)/ {
    match(line, /\(\*[a-z_0-9]+/)
    tell("type", word_at(line, RSTART + 2))
    next
}

line ~ /^typedef [^{]*;/ {
    tell("type", last_word(line))
    next
}

line ~ /^(static |extern )?const [^(]*(;| =|\[)/ {
    text = line
    sub(/(\[| =|;).*/, "", text)
    tell("variable", last_word(text))
    next
}

line ~ /^[A-Za-z_][^;{}=]*\(/ && line !~ /^(typedef|extern "C"|return)/ {
    text = line
    sub(/\(.*/, "", text)
    if (last_word(text) !~ /^[A-Z_0-9]+$/) { # no list of a macro
        tell("function", last_word(text))
    }
}
