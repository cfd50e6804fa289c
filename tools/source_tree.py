"""What the checks have in common: finding, reading and reporting."""

import os
import re
import sys

SKIPPED_FOLDERS = {".git", "build", "corpus", "golden", "__pycache__"}


def root_from_arguments():
    """The tree to check: the argument, or the one this file is in."""
    if len(sys.argv) > 1:
        return sys.argv[1]
    return os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def files(root, folders, endings):
    """Paths relative to root, sorted, of files below the folders."""
    found = []
    for folder in folders:
        for base, inner, names in os.walk(os.path.join(root, folder)):
            inner[:] = [
                name
                for name in inner
                if name not in SKIPPED_FOLDERS
                and not name.startswith("build-")
            ]
            for name in names:
                if name.endswith(endings):
                    path = os.path.join(base, name)
                    found.append(os.path.relpath(path, root))
    return sorted(found)


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8") as file:
        return file.read()


_TOKEN = re.compile(
    r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S
)


def _blank(match):
    text = match.group(0)
    if text[0] in "\"'":
        return text[0] * 2
    return re.sub(r"[^\n]", " ", text)


def code_only(text):
    """C without comments and without what strings hold; lines stay."""
    return _TOKEN.sub(_blank, text)


def without_comments(text):
    """C without comments; lines stay."""
    return _TOKEN.sub(
        lambda m: m.group(0) if m.group(0)[0] in "\"'" else _blank(m), text
    )


def exceptions(root, path):
    """
    The list of exceptions in a file of lines "WHAT...  # reason". Every one
    needs its reason: without one it is an error.
    """
    allowed = set()
    problems = []
    if not os.path.exists(os.path.join(root, path)):
        return allowed, problems
    for number, line in enumerate(read(root, path).splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        what, _, reason = line.partition("#")
        if not reason.strip():
            problems.append(f"{path}:{number}: an exception needs a reason")
        allowed.add(tuple(what.split()))
    return allowed, problems


def stale(path, allowed, used):
    """Exceptions that nothing needs any more."""
    return [
        f"{path}: '{' '.join(entry)}' is no longer needed"
        for entry in sorted(allowed - used)
    ]


def report(problems):
    for problem in problems:
        print(problem)
    sys.exit(1 if problems else 0)
