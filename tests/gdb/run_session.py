#!/usr/bin/env python3
"""
run_session.py HOST SOURCE SESSION GUEST...

Runs one scripted session: gdb-host with a guest, and gdb, one or several
times one after the other, connected to it. What gdb and the host print is
compared line by line.

A session file:

    # guest: NAME               which of the GUESTs, by its file's name
    # calls: CALL...            for gdb-host
    # cpu: FLAG                 skip without it in /proc/cpuinfo
    # tcp                       not a unix socket
    === gdb                     a gdb is started, connects and executes:
    break sum_to                a command
    > Breakpoint 1 at ...       a line that comes out of gdb
    ! TEXT: INT                 when the host prints TEXT, gdb gets SIGINT
    === host
    Sum: 15                     a line that comes out of the host

"..." stands for anything, @TEXT@ for the line of SOURCE with the comment
TEXT. GDB in the environment is another gdb than the one of that name.
"""

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

LIMIT = 50


class Session:
    def __init__(self, path, source):
        self.settings = {}
        self.runs = []
        self.host = []
        self.lines = {}
        with open(source, encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                found = re.search(r"/\* (.*?) \*/", line)
                if found:
                    self.lines[found.group(1)] = str(number)
        section = None
        with open(path, encoding="utf-8") as file:
            for line in file:
                section = self.take(line.rstrip("\n"), section)

    def take(self, line, section):
        line = re.sub(r"@(.*?)@", lambda m: self.lines[m.group(1)], line)
        if line == "=== gdb":
            self.runs.append({"commands": [], "expected": [], "on": None})
            return "gdb"
        if line == "=== host":
            return "host"
        if section == "host":
            self.host.append(line)
        elif section is None and line.startswith("# "):
            name, _, value = line[2:].partition(":")
            self.settings[name] = value.strip()
        elif section == "gdb" and line.startswith(">"):
            self.runs[-1]["expected"].append(line[2:])
        elif section == "gdb" and line.startswith("! "):
            self.runs[-1]["on"] = line[2:].rsplit(": ", 1)
        elif section == "gdb" and line and not line.startswith("#"):
            self.runs[-1]["commands"].append(line)
        return section


class Host:
    """gdb-host, its output taken by a thread."""

    def __init__(self, command):
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True)
        self.lines = []
        self.changed = threading.Condition()
        self.thread = threading.Thread(target=self.listen)
        self.thread.start()

    def listen(self):
        for line in self.process.stdout:
            with self.changed:
                self.lines.append(line.rstrip("\n"))
                self.changed.notify_all()

    def wait_for(self, text):
        with self.changed:
            return self.changed.wait_for(lambda: text in self.lines, LIMIT)

    def end(self):
        good = True
        try:
            self.process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            print("the host did not end")
            good = False
        self.thread.join()
        return good


def listening(address):
    """Whether somebody listens there, without connecting."""
    if address.startswith("unix:"):
        # 00010000: accepts connections (linux/net.h, __SO_ACCEPTCON)
        pattern = r"00010000 \S+ \S+ +\d+ " + re.escape(address[5:]) + "$"
        table = "/proc/net/unix"
    else:
        # state 0A: TCP_LISTEN
        pattern = r" 0100007F:%04X \S+ 0A " % int(address[4:])
        table = "/proc/net/tcp"
    with open(table, encoding="utf-8") as file:
        return re.search(pattern, file.read(), re.M) is not None


def wait_listening(address, host):
    end = time.monotonic() + LIMIT
    while not listening(address):
        if host.process.poll() is not None or time.monotonic() > end:
            return False
        time.sleep(0.002)
    return True


def start_host(command, tcp, folder):
    """A host that listens, and where."""
    for _ in range(20):
        address = "unix:" + os.path.join(folder, "gdb")
        if tcp:
            address = "tcp:%d" % free_port()
        host = Host(command[:2] + [address] + command[2:])
        if wait_listening(address, host):
            return host, address
        host.end()
        # Somebody else may have taken the port meanwhile.
        if not tcp:
            break
    print("nobody listens: " + "\n".join(host.lines))
    sys.exit(1)


def run_gdb(run, address, guest, host, folder):
    remote = (address[5:] if address.startswith("unix:")
              else "localhost:" + address[4:])
    command = [os.environ.get("GDB", "gdb"), "-nx", "-batch", "-iex", "set auto-load no",
               "-iex", "set debuginfod enabled off", "-iex", "set width 0",
               "-iex", "set remotetimeout 20", guest]
    # One by one: after an error the next one is executed all the same.
    for line in ["target remote " + remote] + run["commands"]:
        command += ["-ex", line]
    gdb = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, cwd=folder,
        env=dict(os.environ, LC_ALL="C", HOME=folder))
    if run["on"]:
        if not host.wait_for(run["on"][0]):
            gdb.kill()
        gdb.send_signal(signal.Signals["SIG" + run["on"][1]])
    try:
        output, _ = gdb.communicate(timeout=LIMIT)
    except subprocess.TimeoutExpired:
        gdb.kill()
        output, _ = gdb.communicate()
        output += "gdb did not end\n"
    return output.splitlines()


def matches(expected, line):
    parts = [re.escape(part) for part in expected.split("...")]
    return re.fullmatch(".*".join(parts), line) is not None


def compare(who, expected, lines):
    same = len(expected) == len(lines) and all(
        matches(e, l) for e, l in zip(expected, lines))
    if same:
        return True
    print("%s printed:" % who)
    for i in range(max(len(expected), len(lines))):
        want = expected[i] if i < len(expected) else None
        got = lines[i] if i < len(lines) else None
        if want is not None and got is not None and matches(want, got):
            print("  " + got)
        else:
            print("- %s\n+ %s" % (want, got))
    return False


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def has_cpu_flag(flag):
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        return re.search(r"^flags.*\b%s\b" % flag, file.read(), re.M)


def main():
    host_path, source, path = sys.argv[1:4]
    guests = {os.path.basename(g).removesuffix(".elf"): g
              for g in sys.argv[4:]}
    session = Session(path, source)
    flag = session.settings.get("cpu")
    if flag and not has_cpu_flag(flag):
        print("this CPU has no " + flag)
        sys.exit(77)
    guest = guests[session.settings["guest"]]
    good = True
    with tempfile.TemporaryDirectory() as folder:
        host, address = start_host(
            [host_path, guest] + session.settings["calls"].split(),
            "tcp" in session.settings, folder)
        for number, run in enumerate(session.runs, 1):
            if not wait_listening(address, host):
                print("nobody listens for gdb %d" % number)
            lines = run_gdb(run, address, guest, host, folder)
            lines = [l.replace(os.path.dirname(source) + "/", "")
                     for l in lines]
            # What was killed says what it likes.
            if not run["on"] or run["on"][1] != "KILL":
                good &= compare("gdb %d" % number, run["expected"], lines)
        good &= host.end()
        good &= compare("the host", session.host, host.lines)
    sys.exit(0 if good else 1)


main()
