#!/usr/bin/env python3
"""
tests/observe/trace.py FILE [NAME...]

Checks Chrome trace JSON: events have what their phase needs, spans of a
thread nest, its times do not go back. Then that an event of each NAME is
there; "NAME in OTHER" also that all its time is in that of OTHER.
"""

import json
import sys


def fail(text):
    sys.exit(f"{sys.argv[1]}: {text}")


def no_constants(text):
    raise ValueError(text)


def spans_of(events):
    """Checks events; returns name -> [(start, end)]."""
    open_spans = {}
    last = {}
    found = {}
    for event in events:
        phase = event["ph"]
        thread = event["pid"], event["tid"]
        if phase == "M":
            assert event["args"]["name"] and event["name"]
            continue
        time = event["ts"]
        if phase == "X":
            assert event["dur"] >= 0
            found.setdefault(event["name"], []).append(
                (time, time + event["dur"]))
            continue
        if time < last.get(thread, 0):
            fail(f"{event}: time goes back")
        last[thread] = time
        stack = open_spans.setdefault(thread, [])
        if phase == "B":
            stack.append((event["name"], time))
        elif phase == "E":
            if not stack:
                fail(f"{event}: nothing is open")
            name, start = stack.pop()
            found.setdefault(name, []).append((start, time))
        elif phase in "iC":
            assert phase == "i" or isinstance(event["args"]["value"], int)
            found.setdefault(event["name"], []).append((time, time))
        else:
            fail(f"{event}: phase")
    for thread, stack in open_spans.items():
        if stack:
            fail(f"{thread}: {stack} are open at the end")
    return found


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        trace = json.load(file, parse_constant=no_constants)
    found = spans_of(trace["traceEvents"])
    for wanted in sys.argv[2:]:
        name, _, outer = wanted.partition(" in ")
        if name not in found:
            fail(f"no {name}; there are {sorted(found)}")
        for start, end in found[name] if outer else []:
            if not any(a <= start and end <= b + 0.002
                       for a, b in found.get(outer, [])):
                fail(f"{name} {start} to {end} is not in {outer}")


main()
