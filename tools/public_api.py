"""The public functions, structs and status codes that include/mote declares."""

import re

import source_tree as tree

DECLARED = re.compile(r"\bMOTE_API\b([^;{}]*?)\b(mote_\w+)\s*\(")
STRUCT = re.compile(r"\bstruct\s+(mote_\w+)\s*\{(.*?)^\}", re.M | re.S)
# The name of a member: of a function or not, with a dimension or not.
MEMBER = re.compile(r"(?:\(\*(\w+)\)[^;]*|(\w+)(?:\[[^;]*\])?);\s*\Z")
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


def structs(root):
    """Name -> last member of every struct that programs can see into."""
    found = {}
    for path in headers(root):
        for name, body in STRUCT.findall(tree.code_only(tree.read(root, path))):
            member = MEMBER.search(body)
            if not member:
                raise SystemExit(f"{path}: no last member of {name}")
            found[name] = member.group(1) or member.group(2)
    return found


def blank(match):
    return re.sub(r"[^\n]", " ", match.group(0))


def status_codes(root):
    return [
        "MOTE_" + name
        for name in STATUS.findall(tree.read(root, "include/mote/error.h"))
    ]
