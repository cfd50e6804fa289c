#!/usr/bin/env python3
"""
tests/observe/scrape.py PROGRAM GUEST

Runs examples/metrics.c, gets its metrics twice over HTTP and checks them.
77 where there is no hypervisor.
"""

import os
import subprocess
import sys
import urllib.request

import prometheus

if not os.environ.get("MOTE_REQUIRE_HV"):
    try:
        os.close(os.open("/dev/kvm", os.O_RDWR))
    except OSError as error:
        print(f"skipped: /dev/kvm: {error}")
        sys.exit(77)

program = subprocess.Popen(sys.argv[1:] + ["2"], stdout=subprocess.PIPE,
                           text=True)
try:
    url = program.stdout.readline().strip()
    # No proxy for the loopback interface.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    for _ in range(2):
        with opener.open(url, timeout=30) as answer:
            kind = answer.headers["Content-Type"]
            families = prometheus.read(answer.read().decode())
        assert kind == "text/plain; version=0.0.4", kind
        prometheus.check(families)
        prometheus.compare(families, ["mote_protocol_errors_total=0"])
    assert program.wait(timeout=30) == 0
finally:
    program.kill()
