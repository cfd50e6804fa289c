#!/usr/bin/env python3
"""
compare.py DUMP GUEST...

Compares what the library reads from guests' ELF files with what binutils
say: nm (functions), addr2line (files and lines) and readelf (unwind tables).
DUMP is the program of dump.c.
"""

import bisect
import os
import re
import subprocess
import sys

STEP = 3
DWARF = ["rax", "rdx", "rcx", "rbx", "rsi", "rdi", "rbp", "rsp"] + [
    f"r{number}" for number in range(8, 16)
] + ["ra"]


def output(*command, text=None):
    return subprocess.run(
        command, input=text, capture_output=True, text=True, check=True
    ).stdout


def functions_of(guest):
    """Address -> set of names, of code symbols with a size; and ranges."""
    names = {}
    ranges = []
    for line in output("nm", "-S", guest).splitlines():
        match = re.match(r"(\w+) (\w+) [tTwW] (.*)", line)
        if match:
            start, size = int(match[1], 16), int(match[2], 16)
            names.setdefault(start, set()).add(match[3])
            ranges.append((start, start + size))
    return names, sorted(set(ranges))


def addresses_of(ranges):
    result = []
    for start, end in ranges:
        result += [start, end - 1] + list(range(start, end, STEP))
    return sorted(set(result))


def has_line(file, line):
    """Some addr2line name another file of the unit, which may be shorter."""
    try:
        with open(file, "rb") as source:
            return int(line) <= len(source.readlines())
    except OSError:
        return True


def compare_places(dump, guest, problems):
    names, ranges = functions_of(guest)
    addresses = addresses_of(ranges)
    starts = [start for start, _ in ranges]
    text = "".join(f"{address:x}\n" for address in addresses)
    ours = output(dump, "places", guest, text=text).splitlines()
    theirs = output("addr2line", "-e", guest, text=text).splitlines()
    lines = 0
    for address, mine, place in zip(addresses, ours, theirs, strict=True):
        start, name, where = mine.split(" ", 2)
        expected = starts[bisect.bisect_right(starts, address) - 1]
        if int(start, 16) != expected or name not in names[expected]:
            problems.append(f"{guest} {address:x}: {mine}, nm: {expected:x}")
        file, line = where.rsplit(":", 1)
        their_file, their_line = place.split(" ")[0].rsplit(":", 1)
        known = their_line not in ("?", "0")
        if not known and line == "0":
            continue
        lines += 1
        # Theirs begins with the folder that the compiler ran in.
        same = os.path.normpath(their_file).endswith(os.path.normpath(file))
        if not same and line == their_line:
            same = not has_line(their_file, line)
        if line != their_line or not same:
            problems.append(f"{guest} {address:x}: {where}, {place}")
    return len(addresses), lines


def tables_of(guest):
    """Address -> {column: rule}, as readelf prints them."""
    tables = {}
    columns = None
    initial = {}
    current = None
    for line in output(
        "readelf", "-wNF", "--debug-dump=frames-interp", guest
    ).splitlines():
        match = re.match(r"\w+ \w+ \w+ (CIE|FDE)(.*)", line)
        if match:
            columns = None
            current = match[1]
            if current == "FDE":
                tables.update(
                    {int(re.search(r"pc=(\w+)\.\.", match[2])[1], 16): initial}
                )
            continue
        if line.split()[:2] == ["LOC", "CFA"]:
            columns = line.split()[1:]
            continue
        words = line.split()
        if columns and len(words) == len(columns) + 1:
            row = dict(zip(columns, words[1:]))
            if current == "CIE":
                initial = row
            else:
                tables[int(words[0], 16)] = row
    return tables


def same_rule(ours, theirs):
    if theirs in (None, "u", "s"):
        return ours in ("s", "u")
    return ours == theirs


def compare_frames(dump, guest, problems):
    tables = tables_of(guest)
    addresses = sorted(tables)
    text = "".join(f"{address:x}\n" for address in addresses)
    ours = output(dump, "frames", guest, text=text).splitlines()
    for address, mine in zip(addresses, ours, strict=True):
        row = tables[address]
        cfa, *rules = mine.split(" ")
        match = re.match(r"r(\d+)([+-]\d+)$", cfa)
        if match:
            cfa = DWARF[int(match[1])] + match[2]
        same = cfa == row["CFA"] and all(
            same_rule(rule, row.get(name)) for name, rule in zip(DWARF, rules)
        )
        if not same:
            problems.append(f"{guest} {address:x}: {mine}, readelf: {row}")
    return len(addresses)


def main():
    dump, *guests = sys.argv[1:]
    problems = []
    for guest in guests:
        places, lines = compare_places(dump, guest, problems)
        frames = compare_frames(dump, guest, problems)
        print(
            f"{os.path.basename(guest)}: {places} addresses, {lines} of them"
            f" with a line, {frames} unwind rows"
        )
        if lines < 1000 or frames < 100:
            problems.append(f"{guest}: too little to compare")
    for problem in problems[:20]:
        print(problem)
    print(f"{len(problems)} differences")
    sys.exit(bool(problems))


main()
