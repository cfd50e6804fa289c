#!/usr/bin/env python3
"""
output.py MOTE

`mote bench --quick --json` is one object with every figure that is promised,
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
    "restore_0": None,
    "restore_1": 0.15,
    "restore_10": None,
    "restore_100": 3,
    "restore_1000": 3,
    "call_restore_10": 1.15,
    "restore_0_64m": None,
    "restore_1_64m": 0.15,
    "restore_10_64m": None,
    "restore_100_64m": 3,
    "restore_1000_64m": 3,
    "restore_0_1g": None,
    "restore_1_1g": 0.15,
    "restore_10_1g": None,
    "restore_100_1g": 3,
    "restore_1000_1g": 3,
    "take": 3,
    "clone_warm": 0.35,
    "clone_cold": 1.2,
    "clone_file": 1.5,
    "clone_file_warm": 1.5,
    "pool": 1.05,
    "paging_call": None,
    "paging_restore_10": None,
    "paging_first_10": None,
    "paging_create": None,
    "many_1000_kib": 96,
    "scale_2": 1.9,
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
    "restore_us_0": "us",
    "restore_us_1": "us",
    "restore_us_10": "us",
    "restore_us_100": "us",
    "restore_us_1000": "us",
    "restore_us_0_64m": "us",
    "restore_us_1_64m": "us",
    "restore_us_10_64m": "us",
    "restore_us_100_64m": "us",
    "restore_us_1000_64m": "us",
    "restore_us_0_1g": "us",
    "restore_us_1_1g": "us",
    "restore_us_10_1g": "us",
    "restore_us_100_1g": "us",
    "restore_us_1000_1g": "us",
    "take_us": "us",
    "clone_warm_us": "us",
    "clone_cold_us": "us",
    "load": "us",
    "paging_call_us": "us",
    "paging_restore_10_us": "us",
    "paging_first_10_us": "us",
    "paging_create_us": "us",
    "many_1000_call": "us",
    "library_size": "KiB",
    "guest_size": "KiB",
}
NO_HYPERVISOR = 5


def run(mote, *options):
    return subprocess.run(
        [mote, "bench", *options], capture_output=True, text=True, timeout=100
    )


def check(condition, text):
    if not condition:
        sys.exit(f"output.py: {text}")


def check_stat(name, stat):
    check(
        set(stat) - {"goal", "goal_at_least", "unit"} == {"median", "low", "high", "samples"},
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
    names = set(result["ratios"])
    # It takes two CPUs.
    check(names | {"scale_2"} == set(RATIOS), f"ratios: {names ^ set(RATIOS)}")
    # What others do is measured where they are installed.
    names = {n for n in result["figures"] if not n.startswith("peer_")}
    check(names == set(FIGURES), f"figures: {names ^ set(FIGURES)}")
    for name, stat in result["ratios"].items():
        check_stat(name, stat)
        check(stat["median"] > 0, f"{name} is {stat['median']}")
        goal = stat.get("goal", stat.get("goal_at_least"))
        check(goal == RATIOS[name], f"goal of {name}")
    for name, stat in result["figures"].items():
        check_stat(name, stat)
        check(stat["unit"] == FIGURES.get(name, "us"), f"unit of {name}")
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
        check(name in rows or name == "scale_2", f"{name}: no row")
        words = rows.get(name, "ok").split()
        if goal is not None:
            check(set(words) & {"ok", "over", "under"}, f"{name}: no verdict")
    for name in FIGURES:
        check(name in rows, f"{name} is not in the table")


def main():
    mote = sys.argv[1]
    result = run(mote, "--quick", "--json")
    if result.returncode == NO_HYPERVISOR:
        print(result.stderr)
        sys.exit(1 if os.environ.get("MOTE_REQUIRE_HV") else 77)
    check(result.returncode == 0, f"status {result.returncode}\n"
          + result.stderr)
    check_json(result.stdout)
    result = run(mote, "--quick")
    check(result.returncode == 0, result.stderr)
    check_table(result.stdout)
    check(run(mote, "--help").returncode == 0, "--help")
    result = run(mote, "--slow")
    check(result.returncode == 2, "an unknown option is not refused")
    check(result.stdout == "", "an unknown option prints to stdout")
    check("--slow" in result.stderr, "an unknown option is not named")


main()
