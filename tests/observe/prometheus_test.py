#!/usr/bin/env python3
"""
tests/observe/prometheus_test.py

The checker finds what is wrong: each case is good text with one edit.
"""

import prometheus

GOOD = """\
# HELP a_total Some.
# TYPE a_total counter
a_total{kind="x"} 1
a_total{kind="y\\""} 2
# HELP b_seconds More.
# TYPE b_seconds histogram
b_seconds_bucket{le="0.001"} 1
b_seconds_bucket{le="+Inf"} 2
b_seconds_sum 1.5
b_seconds_count 2
"""

EDITS = [
    ("# HELP a_total Some.\n", ""),
    ("# TYPE a_total counter\n", ""),
    ("# HELP b_seconds", "# HELP a_total"),
    ("counter", "count"),
    ("counter", "gauge"),
    ("a_total", "a"),
    ('kind="y\\""', 'kind="x"'),
    ('kind="y\\""', 'kind="y""'),
    ('{kind="x"} 1', '{kind="x"} one'),
    ('{kind="x"} 1', '{kind="x"}  1'),
    ('{kind="x"} 1', '{kind="x"} -1'),
    ('{kind="x"} 1', '{kind="x",} 1'),
    ("b_seconds_sum", "c_seconds_sum"),
    ("b_seconds_sum 1.5\n", ""),
    ("_count 2", "_count 3"),
    ('le="+Inf"', 'le="0.0001"'),
    ('{le="+Inf"} 2', '{le="+Inf"} 0'),
    ('b_seconds_bucket{le="+Inf"} 2\n', ""),
    ("_count 2\n", "_count 2"),
    ("_count 2\n", "_count 2\n\n"),
]


def wrong(text):
    try:
        prometheus.check(prometheus.read(text))
    except prometheus.Wrong:
        return True
    return False


assert not wrong(GOOD)
for old, new in EDITS:
    assert old in GOOD, old
    assert wrong(GOOD.replace(old, new)), (old, new)
