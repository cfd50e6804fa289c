#!/usr/bin/env python3
"""
gdb.py MOTE GDB GUEST...

Has guests crash in many ways with `mote run --core`, opens each core with the
real gdb, and compares: the call stack, frame by frame, with ours; registers,
variables and memory with what the guest has left there.
"""

import json
import os
import subprocess
import sys
import tempfile

# As many frames are in our JSON.
JSON_MAX = 256

# Function, arguments, the signal that gdb is told; whether libc is on the
# way, which has no unwind tables: gdb guesses there, and seldom right.
ENDINGS = [
    ("Fall", ["8"], "SIGSEGV", False),
    ("Sort", [], "SIGSEGV", True),
    ("Print", [], "SIGSEGV", True),
    ("Aligned", [], "SIGSEGV", False),
    ("Dynamic", ["100"], "SIGSEGV", False),
    ("Overflow", [], "SIGSEGV", False),
    ("Jump", [], "SIGSEGV", False),
    ("Execute", [], "SIGSEGV", False),
    ("GiveUp", [], "SIGABRT", False),
    ("Quit", [], None, True),
    ("Spin", [], "SIGALRM", False),
    ("Divide", ["0"], "SIGFPE", False),
    ("Illegal", [], "SIGILL", False),
    ("Breakpoint", [], "SIGTRAP", False),
    ("Marks", [], "SIGSEGV", False),
]

# Runs inside of gdb. A return address may be the start of a next line.
SCRIPT = """
import gdb, json
frames = []
frame = gdb.newest_frame()
while frame is not None:
    if frame.pc() < 16:
        break
    if frame.type() != gdb.INLINE_FRAME:
        line = gdb.find_pc_line(frame.pc() - (1 if frames else 0))
        frames.append([frame.pc(), line.line])
    frame = frame.older()
registers = {}
for name in ("rax", "rbx", "cs", "ss", "rsp", "rbp", "rip", "r15", "fs_base"):
    registers[name] = int(gdb.parse_and_eval(f"(unsigned long)${name}"))
result = {
    "frames": frames,
    "registers": registers,
    "record": str(gdb.parse_and_eval("global_record")),
    "xmm9": float(gdb.parse_and_eval("$xmm9.v2_double[0]")),
    "eflags": str(gdb.parse_and_eval("$eflags")),
}
inferior = gdb.selected_inferior()
heap = inferior.read_memory(0x701000000000, 1 << 20).tobytes()
result["mark"] = heap.count(bytes.fromhex("8877665544332211")) > 0
print("RESULT " + json.dumps(result))
"""


def run(*command):
    return subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False
    )


def ask_gdb(gdb, guest, core, script):
    output = run(gdb, "-nx", "-batch", guest, core, "-x", script)
    lines = output.stdout.splitlines()
    for line in lines:
        if line.startswith("RESULT "):
            return json.loads(line[len("RESULT "):]), output
    raise SystemExit(f"gdb {guest} {core}:\n{output.stdout}{output.stderr}")




def compare_frames(name, ours, theirs, through_libc, problems):
    pcs = [int(frame["pc"], 16) for frame in ours]
    lines = [frame["line"] for frame in ours]
    # We leave out what is inside of abort().
    start = len(theirs) - len(ours)
    if through_libc or len(ours) == JSON_MAX:
        start = 0
    if start < 0:
        problems.append(f"{name}: {len(ours)} frames, gdb {len(theirs)}")
        return 0
    compared = 0
    for i, (pc, line) in enumerate(zip(pcs, lines)):
        if start + i >= len(theirs):
            break
        their_pc, their_line = theirs[start + i]
        # The first frame after abort() is shown at the call.
        same = pc == their_pc or (i == 0 and 0 < their_pc - pc <= 8)
        # Where rows differ at one address, gdb prefers starts of statements.
        if line is not None and not (i == 0 and "Breakpoint" in name):
            same = same and line == their_line
        if not same:
            if through_libc and i > 0:
                break
            problems.append(
                f"{name} #{i}: {pc:x} line {line}, gdb {their_pc:x} line"
                f" {their_line}"
            )
            return compared
        compared += 1
    return compared


def check(mote, gdb, guest, ending, folder, problems):
    function, arguments, signal, through_libc = ending
    name = f"{os.path.basename(guest)} {function}"
    core = os.path.join(folder, "core")
    ended = run(mote, "run", "--core", core, "-t", "100ms", guest, function,
                *arguments)
    if ended.returncode not in (3, 4) or "wrote a core" not in ended.stderr:
        problems.append(f"{name}: {ended}")
        return 0
    shown = json.loads(run(mote, "core", "--json", core).stdout)
    if shown["error"] is not None or shown["function"] != function:
        problems.append(f"{name}: {shown['error']}, {shown['function']}")
        return 0
    theirs, output = ask_gdb(gdb, guest, core, os.path.join(folder, "script"))
    if signal and f"terminated with signal {signal}" not in output.stdout:
        problems.append(f"{name}: no {signal}: {output.stdout}")
    if "warning" in output.stderr.lower():
        problems.append(f"{name}: {output.stderr}")
    # Those of a process in user mode, which decide how gdb sees the rest.
    selectors = (theirs["registers"].pop("cs"), theirs["registers"].pop("ss"))
    if selectors != (0x33, 0x2b):
        problems.append(f"{name}: cs and ss are {selectors}")
    for register, value in theirs["registers"].items():
        if int(shown["registers"][register], 16) != value:
            problems.append(f"{name}: {register} is {value:x} in gdb")
    if "number = 4711" not in theirs["record"]:
        problems.append(f"{name}: global_record is {theirs['record']}")
    if function == "Marks":
        if theirs["xmm9"] != 1234.5 or not theirs["mark"]:
            problems.append(f"{name}: marks lost: {theirs}")
    return compare_frames(name, shown["backtrace"], theirs["frames"],
                          through_libc, problems)


def main():
    mote, gdb, *guests = sys.argv[1:]
    problems = []
    frames = 0
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "script"), "w",
                  encoding="utf-8") as file:
            file.write("python\n" + SCRIPT + "end\n")
        for guest in guests:
            for ending in ENDINGS:
                frames += check(mote, gdb, guest, ending, folder, problems)
    for problem in problems[:20]:
        print(problem)
    print(f"{len(guests) * len(ENDINGS)} cores, {frames} frames,"
          f" {len(problems)} differences")
    sys.exit(bool(problems))


main()
