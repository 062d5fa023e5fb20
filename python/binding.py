"""Writes the C source of the binding: binding.py HEADER OUTPUT. The declarations are the header's
own, so that there is no second list of them."""

import re
import sys

import cffi


def declarations(header: str) -> str:
    """What cffi understands of the installed header."""
    text = re.sub(r"#ifdef __cplusplus\n.*?#endif\n", "", header, flags=re.S)
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    labels = re.findall(r"^#define (SOUNDPROOF_LABEL_\w+) ", text, flags=re.M)
    text = re.sub(r"^#.*\n", "", text, flags=re.M)
    constants = "".join(f"#define {label} ...\n" for label in labels)
    callback = (
        'extern "Python" int soundproof_python_box(void *, size_t, const char *, size_t, size_t, '
        "const double *, const double *);\n"
    )
    return constants + text + callback


def main() -> None:
    header, output = sys.argv[1:]
    ffi = cffi.FFI()
    with open(header, encoding="utf-8") as file:
        ffi.cdef(declarations(file.read()))
    ffi.set_source("soundproof._binding", "#include <soundproof.h>")
    ffi.emit_c_code(output)


if __name__ == "__main__":
    main()
