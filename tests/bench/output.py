#!/usr/bin/env python3
"""
output.py MOTE-BENCH

`mote-bench --quick --json` is one object with every figure that is promised,
and the table has a row for each. The values are not judged: a test that
fails because a neighbour was busy is worth nothing.
"""

import json
import os
import subprocess
import sys

RATIOS = {
    "call": 1.10,
    "host_call": 1.10,
    "batch_100": 0.05,
    "cancel": 1.20,
    "deadline": 1.03,
    "metrics": 1.01,
    "trace_off": 1.01,
    "trace_on": 1.05,
    "create": 1.30,
    "compute": 1.03,
    "bytes_50m": 1.5,
    "idle_kib": 256,
    "compute_sha256": None,
    "compute_fib": None,
    "compute_integer": None,
    "compute_floating": None,
    "compute_fib_call": None,
}
FIGURES = {
    "round_trip": "us",
    "empty_call": "us",
    "text_4k": "us",
    "printf_line": "us",
    "deadline_rearm": "us",
    "signal_return": "us",
    "cancel_return": "us",
    "cpu_limit": "us",
    "call_stats": "us",
    "create_floor": "us",
    "create_all": "us",
    "create_engine": "us",
    "create_image": "us",
    "create_sandbox": "us",
    "first_call": "us",
    "create_warm": "us",
    "destroy": "us",
    "bytes_50m_host": "ms",
    "bytes_50m_call": "ms",
    "library_size": "KiB",
    "guest_size": "KiB",
}
NO_HYPERVISOR = 5


def run(bench, *options):
    return subprocess.run(
        [bench, *options], capture_output=True, text=True, timeout=100
    )


def check(condition, text):
    if not condition:
        sys.exit(f"output.py: {text}")


def check_stat(name, stat):
    check(
        set(stat) - {"goal", "unit"} == {"median", "low", "high", "samples"},
        f"{name} has the members {sorted(stat)}",
    )
    check(stat["samples"] >= 1, f"{name} has no samples")
    check(
        stat["low"] <= stat["median"] <= stat["high"],
        f"{name}: low, median, high are not in order: {stat}",
    )


def check_json(text):
    result = json.loads(text)
    check(list(result) == ["machine", "ratios", "figures"], "members")
    check("CPU" in result["machine"], "machine says nothing")
    check(set(result["ratios"]) == set(RATIOS), "names of ratios")
    check(set(result["figures"]) == set(FIGURES), "names of figures")
    for name, stat in result["ratios"].items():
        check_stat(name, stat)
        check(stat["median"] > 0, f"{name} is {stat['median']}")
        check(stat.get("goal") == RATIOS[name], f"goal of {name}")
    for name, stat in result["figures"].items():
        check_stat(name, stat)
        check(stat["unit"] == FIGURES[name], f"unit of {name}")
    check(
        result["ratios"]["compute"]["median"]
        == max(
            stat["median"]
            for name, stat in result["ratios"].items()
            if name.startswith("compute_") and name != "compute_fib_call"
        ),
        "compute is not the worst of its parts",
    )


def check_table(text):
    rows = {line.split()[0]: line for line in text.splitlines() if line}
    for name, goal in RATIOS.items():
        check(name in rows, f"{name} is not in the table")
        words = rows[name].split()
        if goal is not None:
            check("ok" in words or "over" in words, f"{name}: no verdict")
    for name in FIGURES:
        check(name in rows, f"{name} is not in the table")


def main():
    bench = sys.argv[1]
    result = run(bench, "--quick", "--json")
    if result.returncode == NO_HYPERVISOR:
        print(result.stderr)
        sys.exit(1 if os.environ.get("MOTE_REQUIRE_HV") else 77)
    check(result.returncode == 0, f"status {result.returncode}\n"
          + result.stderr)
    check_json(result.stdout)
    result = run(bench, "--quick")
    check(result.returncode == 0, result.stderr)
    check_table(result.stdout)
    check(run(bench, "--help").returncode == 0, "--help")
    result = run(bench, "--slow")
    check(result.returncode == 2, "an unknown option is not refused")
    check(result.stdout == "", "an unknown option prints to stdout")
    check("--slow" in result.stderr, "an unknown option is not named")


main()
