"""Child processes for tests and load runs: free ports, start, wait until ready, end by process id.

Every process gets a session of its own, so ending it reaches its children too, and nothing but
what was started here is ever ended.
"""

import os
import random
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

# Below the kernel's ephemeral range (32768 and up), so that no outgoing connection takes a port
# between the moment it is chosen and the moment a server binds it.
_PORTS = range(12000, 32000)
_taken = set()


def free_port():
    """A TCP port on loopback that nobody uses, given out once per run."""
    while True:
        port = random.choice(_PORTS)
        if port in _taken:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("0.0.0.0", port))
            except OSError:
                continue
        _taken.add(port)
        return port


def wait_until(condition, seconds=5.0, what="condition"):
    """Polls until `condition()` is true and returns its value; never sleeps longer than needed."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise TimeoutError(f"waited {seconds} s for {what}")
        time.sleep(0.002)


def accepts(port, host="127.0.0.1"):
    """True when something listens there."""
    try:
        with socket.create_connection((host, port), timeout=1):
            return True
    except OSError:
        return False


class Process:
    """A started program. Its output goes to files, so that a full pipe never stalls it."""

    def __init__(self, command, name=None, cores=None, stdin=subprocess.DEVNULL, user=None):
        self.name = name or Path(command[0]).name
        self.command = [str(part) for part in command]
        if cores is not None:
            self.command = ["taskset", "-c", str(cores), *self.command]
        self._out = tempfile.NamedTemporaryFile(prefix="weir-out-", delete=False)
        self._err = tempfile.NamedTemporaryFile(prefix="weir-err-", delete=False)
        self.started = time.monotonic()
        drop = {} if user is None else {"user": user, "group": user, "extra_groups": []}
        self._popen = subprocess.Popen(self.command, stdin=stdin, stdout=self._out,
                                       stderr=self._err, start_new_session=True, **drop)
        self.pid = self._popen.pid
        self.stdin = self._popen.stdin

    def running(self):
        return self._popen.poll() is None

    @property
    def code(self):
        """The exit code; None while it runs; negative for a signal."""
        return self._popen.poll()

    def wait(self, seconds=10.0):
        return self._popen.wait(timeout=seconds)

    def wait_for_port(self, port, seconds=5.0):
        def ready():
            if not self.running():
                raise RuntimeError(f"{self.name} ended with {self.code}:\n{self.errors()}")
            return accepts(port)

        wait_until(ready, seconds, f"{self.name} to listen on {port}")

    def signal(self, number):
        self._popen.send_signal(number)

    def output(self):
        return Path(self._out.name).read_text(errors="replace")

    def errors(self):
        return Path(self._err.name).read_text(errors="replace")

    def stop(self, seconds=5.0):
        """SIGTERM to the whole session, SIGKILL to what is left of it; removes the output."""
        self._signal_group(signal.SIGTERM)
        try:
            self._popen.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            pass
        self._signal_group(signal.SIGKILL)
        self._popen.wait()
        for file in (self._out, self._err):
            file.close()
            if os.path.exists(file.name):
                os.unlink(file.name)

    def kill(self):
        self._signal_group(signal.SIGKILL)
        self._popen.wait()

    def _signal_group(self, number):
        try:
            os.killpg(self.pid, number)
        except ProcessLookupError:
            pass


_TICK = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


def family(pid):
    """The process and all its descendants."""
    pids = [pid]
    for parent in pids:
        try:
            for task in Path(f"/proc/{parent}/task").iterdir():
                pids += [int(child) for child in (task / "children").read_text().split()]
        except OSError:
            pass
    return pids


def cpu_seconds(pid):
    """(user, system) of the process with all its threads and descendants, from /proc/PID/stat."""
    user = system = 0
    for member in family(pid):
        try:
            # The name, in parentheses, may hold anything; the fields after it may not.
            fields = Path(f"/proc/{member}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        user += int(fields[11])
        system += int(fields[12])
    return user / _TICK, system / _TICK


def resident_bytes(pid):
    """Resident memory of the process and its descendants, shared pages counted in each."""
    total = 0
    for member in family(pid):
        try:
            total += int(Path(f"/proc/{member}/statm").read_text().split()[1]) * _PAGE
        except OSError:
            pass
    return total
