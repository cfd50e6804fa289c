#!/usr/bin/env python3
"""
tests/observe/prometheus.py FILE [NAME=VALUE...]

Checks metrics in Prometheus' text format 0.0.4, as strictly as promtool: one
HELP and TYPE before the samples of a family, counters that end in _total,
histograms whose buckets grow and end at +Inf with the count. Then that the
samples named, such as 'mote_faults_total{kind="read"}=1', have that value;
'NAME>0' is allowed too.
"""

import math
import re
import sys

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"'
SAMPLE = re.compile(
    rf"({NAME})(\{{{LABEL}(?:,{LABEL})*\}})? "
    r"(\+Inf|-Inf|NaN|-?[0-9]+(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?)$"
)
HELP = re.compile(rf"# HELP ({NAME}) (\S.*)$")
TYPE = re.compile(rf"# TYPE ({NAME}) (counter|gauge|histogram)$")


class Wrong(Exception):
    pass


def value_of(text):
    return float(text.replace("Inf", "inf").replace("NaN", "nan"))


def family_of(name, kind):
    for suffix in ("_bucket", "_sum", "_count"):
        if kind == "histogram" and name.endswith(suffix):
            return name[: -len(suffix)], suffix
    return name, ""


def read(text):
    """Families in order: name -> (type, [(name, labels, value)])."""
    if not text.endswith("\n"):
        raise Wrong("the last line has no end")
    families = {}
    current = None
    helped = None
    for number, line in enumerate(text[:-1].split("\n"), 1):
        try:
            if line.startswith("# HELP"):
                match = HELP.match(line)
                if not match:
                    raise Wrong("not a HELP line")
                helped = match.group(1)
            elif line.startswith("#"):
                match = TYPE.match(line)
                if not match or match.group(1) != helped:
                    raise Wrong("not a TYPE line after its HELP line")
                if helped in families:
                    raise Wrong("a second time")
                current = helped
                families[current] = (match.group(2), [])
            else:
                match = SAMPLE.match(line)
                if not match or current is None:
                    raise Wrong("not a sample")
                kind, samples = families[current]
                name, labels, value = match.groups()
                family, suffix = family_of(name, kind)
                if family != current or (kind == "histogram" and not suffix):
                    raise Wrong(f"not of {current}")
                if any(s[:2] == (name, labels or "") for s in samples):
                    raise Wrong("a second time")
                samples.append((name, labels or "", value_of(value)))
        except Wrong as wrong:
            raise Wrong(f"line {number}: {line}: {wrong}") from None
    return families


def check_histogram(name, samples):
    last_le = -math.inf
    last = 0
    for sample, labels, value in samples[:-2]:
        match = re.fullmatch(r'\{le="([^"]+)"\}', labels)
        if sample != name + "_bucket" or not match:
            raise Wrong(f"{sample}{labels}: not a bucket")
        le = value_of(match.group(1))
        if le <= last_le or value < last or value != int(value):
            raise Wrong(f"{sample}{labels}: out of order")
        last_le, last = le, value
    ends = [sample[0] for sample in samples[-2:]]
    if last_le != math.inf or ends != [name + "_sum", name + "_count"]:
        raise Wrong(f"{name}: no +Inf, _sum and _count at the end")
    if samples[-1][2] != last:
        raise Wrong(f"{name}: _count is not the last bucket")


def check(families):
    for name, (kind, samples) in families.items():
        if not samples:
            raise Wrong(f"{name}: no samples")
        if kind == "counter" and not name.endswith("_total"):
            raise Wrong(f"{name}: a counter not called _total")
        if kind == "gauge" and name.endswith("_total"):
            raise Wrong(f"{name}: a gauge called _total")
        if kind != "gauge" and any(s[2] < 0 for s in samples):
            raise Wrong(f"{name}: less than 0")
        if kind == "histogram":
            check_histogram(name, samples)


def compare(families, wanted):
    values = {
        name + labels: value
        for _, samples in families.values()
        for name, labels, value in samples
    }
    for text in wanted:
        name, sign, value = re.fullmatch(r"(.*)([=>])(\d+)", text).groups()
        if name not in values:
            raise Wrong(f"no {name}")
        good = (values[name] == float(value) if sign == "="
                else values[name] > float(value))
        if not good:
            raise Wrong(f"{name} is {values[name]}, wanted {sign}{value}")


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        text = file.read()
    try:
        families = read(text)
        check(families)
        compare(families, sys.argv[2:])
    except Wrong as wrong:
        sys.exit(f"{sys.argv[1]}: {wrong}")


if __name__ == "__main__":
    main()
