"""The public functions and status codes that include/mote declares."""

import re

import source_tree as tree

DECLARED = re.compile(r"\bMOTE_API\b([^;{}]*?)\b(mote_\w+)\s*\(")
STATUS = re.compile(r"\bX\(((?:OK|E_)\w*), \d+,")


def headers(root):
    return tree.files(root, ["include/mote"], (".h",))


def functions(root):
    """Name -> "header:line" of every function marked MOTE_API."""
    found = {}
    for path in headers(root):
        code = tree.code_only(tree.read(root, path))
        # Of directives only the definition of MOTE_API itself would match.
        code = re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", blank, code, flags=re.M)
        for match in DECLARED.finditer(code):
            line = code.count("\n", 0, match.start(2)) + 1
            found[match.group(2)] = f"{path}:{line}"
    return found


def blank(match):
    return re.sub(r"[^\n]", " ", match.group(0))


def status_codes(root):
    return [
        "MOTE_" + name
        for name in STATUS.findall(tree.read(root, "include/mote/error.h"))
    ]
