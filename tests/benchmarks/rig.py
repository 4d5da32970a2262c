"""What the benchmarks share: programs that are started and stopped, the core each stands on, CPU and memory of a process."""

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
CORES = sorted(os.sched_getaffinity(0))
# Load and upstream share a core, so that the program that is measured has one to itself.
LOAD, PROGRAM = CORES[0], CORES[-1]
TICK = os.sysconf("SC_CLK_TCK")


def pin(pid, core):
    os.sched_setaffinity(pid, {core})


class Programs:
    """Started programs, each in a group of its own; leaving the context ends them. `folder` is theirs to write to."""

    def __enter__(self):
        self.running, self.keeper = [], tempfile.TemporaryDirectory(prefix="taxiway-bench-")
        self.folder = Path(self.keeper.name)
        return self

    def __exit__(self, *_):
        for process in self.running:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
        for process in self.running:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        self.keeper.cleanup()

    def start(self, command, port, core, env=None):
        """Start a program; its process, and the seconds until its port accepted."""
        began = time.monotonic()
        # What is started inherits the core.
        pin(0, core)
        with (self.folder / f"{port}.log").open("wb") as log:
            process = subprocess.Popen(
                command, env=env, stdout=log, stderr=log, start_new_session=True, cwd=self.folder
            )  # fmt: skip
        pin(0, LOAD)
        self.running.append(process)
        while time.monotonic() - began < 90:
            if process.poll() is not None:
                break
            try:
                socket.create_connection(("127.0.0.1", port), 0.2).close()
            except OSError:
                time.sleep(0.01)
            else:
                return process, time.monotonic() - began
        raise SystemExit((self.folder / f"{port}.log").read_text()[-2000:] or f"nothing listens on {port}")

    def stop(self, process):
        self.running.remove(process)
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(20)

    def upstream(self):
        """Start the provider; its port."""
        port = free_port()
        self.start([sys.executable, HERE / "upstream.py", str(port)], port, LOAD)
        return port


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def tree(pid):
    """A process and all that it started."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    return [pid, *(one for child in children.read_text().split() for one in tree(int(child)))]


def cpu(pid):
    """CPU seconds that a process tree has used."""
    total = 0
    for one in tree(pid):
        fields = Path(f"/proc/{one}/stat").read_text().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICK


def memory(pid):
    """Memory of a process tree in MB: what it shares with others counts in part (PSS)."""
    maps = (Path(f"/proc/{one}/smaps_rollup").read_text() for one in tree(pid))
    return sum(int(re.search(r"^Pss:\s+(\d+)", text, re.MULTILINE)[1]) for text in maps) / 1024
