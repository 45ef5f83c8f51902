"""The measurements: a round of load, memory, and the time until a proxy is ready."""

import os
import re
import socket
import ssl
import subprocess
import tempfile
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import load_certificates as certificates
from contenders import H1, LOAD_CORE, Running
from processes import accepts

CONNECTIONS = 64


@dataclass(frozen=True)
class Round:
    user_us: float  # of the proxy, per request
    system_us: float
    per_second: float
    p50_ms: float
    p99_ms: float
    errors: int
    resident: int  # bytes, right after the load

    @property
    def cpu_us(self):
        return self.user_us + self.system_us


def load_round(running, seconds):
    """One round against a running contender, with what its scenario speaks."""
    if running.scenario.client == "wrk":
        return _wrk_round(running, seconds)
    return _h2load_round(running, seconds)


def _url(running, path):
    scheme = "https" if running.scenario.tls == "client" else "http"
    return f"{scheme}://127.0.0.1:{running.port}{path}"


def _environment(scenario):
    """wrk has no options for TLS, but OpenSSL reads its configuration."""
    if scenario.tls != "client":
        return None
    return os.environ | {"OPENSSL_CONF": str(certificates.directory() / "client.cnf")}


_UNITS = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4}


def _percentile(text, which):
    number, unit = re.search(rf"{which}%\s+([\d.]+)(us|ms|s|m)\b", text).groups()
    return float(number) * _UNITS[unit]


def _wrk_round(running, seconds):
    command = ["taskset", "-c", str(LOAD_CORE), "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}",
               "--latency", _url(running, "/")]
    before = running.cpu_seconds()
    text = subprocess.run(command, capture_output=True, text=True, check=True,
                          env=_environment(running.scenario)).stdout
    after = running.cpu_seconds()
    requests = int(re.search(r"(\d+) requests in", text).group(1))
    if requests == 0:
        raise RuntimeError(f"{running.contender.name} answered nothing:\n{text}")
    sockets = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text)
    wrong = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    return Round(
        user_us=(after[0] - before[0]) * 1e6 / requests,
        system_us=(after[1] - before[1]) * 1e6 / requests,
        per_second=float(re.search(r"Requests/sec:\s+([\d.]+)", text).group(1)),
        p50_ms=_percentile(text, 50),
        p99_ms=_percentile(text, 99),
        errors=sum(map(int, sockets.groups() if sockets else []))
        + int(wrong.group(1) if wrong else 0),
        resident=running.resident_bytes(),
    )


STREAMS = (16, 16)  # connections, streams on each
# A gRPC message of 100 bytes.
GRPC_MESSAGE = b"\0\0\0\0\x64" + b"m" * 100


def _h2load_round(running, seconds):
    """The percentiles are of the requests' own times, from h2load's log."""
    connections, streams = STREAMS
    with tempfile.TemporaryDirectory(prefix="weir-load-") as directory:
        log, body = Path(directory) / "log", Path(directory) / "body"
        command = ["taskset", "-c", str(LOAD_CORE), "h2load", "-t1", f"-c{connections}",
                   f"-m{streams}", "-D", str(seconds), f"--log-file={log}"]
        if running.scenario.name == "grpc":
            body.write_bytes(GRPC_MESSAGE)
            command += ["-d", str(body), "-Hcontent-type: application/grpc", "-Hte: trailers"]
        if running.scenario.tls == "client":
            command += [f"--tls13-ciphers={certificates.SUITE}", f"--groups={certificates.GROUP}"]
        command += [_url(running, "/weir.Load/Echo")]
        before = running.cpu_seconds()
        text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        after = running.cpu_seconds()
        times = sorted(int(line.rpartition("\t")[2]) for line in log.read_text().splitlines())
    done, good = map(int, re.search(r"(\d+) done, (\d+) succeeded", text).groups())
    if good == 0 or not times:
        raise RuntimeError(f"{running.contender.name} answered nothing:\n{text}")
    return Round(
        user_us=(after[0] - before[0]) * 1e6 / done,
        system_us=(after[1] - before[1]) * 1e6 / done,
        per_second=done / seconds,
        p50_ms=times[len(times) // 2] / 1e3,
        p99_ms=times[len(times) * 99 // 100] / 1e3,
        errors=done - good,
        resident=running.resident_bytes(),
    )


_REQUEST = b"GET / HTTP/1.1\r\nHost: origin\r\n\r\n"


def _ask(connection):
    """One request on a kept connection; true when it was answered 200 with the whole body."""
    connection.sendall(_REQUEST)
    received = b""
    while b"\r\n\r\n" not in received:
        chunk = connection.recv(65536)
        if not chunk:
            return False
        received += chunk
    head, _, body = received.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: *(\d+)", head, re.I)
    while length and len(body) < int(length.group(1)):
        chunk = connection.recv(65536)
        if not chunk:
            return False
        body += chunk
    return head.startswith(b"HTTP/1.1 200")


def _answers(port, target=None):
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            if target is None:
                return _ask(connection)
            connection.sendall(f"GET {target} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            return connection.recv(64).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


def _milliseconds_until(running, answered):
    end = running.process.started + 10
    while time.monotonic() < end:
        if answered():
            return (time.monotonic() - running.process.started) * 1e3
        if not running.process.running():
            raise RuntimeError(f"{running.contender.name} ended:\n{running.process.errors()}")
        time.sleep(0.0003)
    raise TimeoutError(f"{running.contender.name} was not ready within 10 s")


def wait_ready(running):
    """Milliseconds from exec to the first 200 through the proxy; of HTTP/2 and TLS, until it
    accepts."""
    if running.scenario.client == "wrk" and running.scenario.tls != "client":
        return _milliseconds_until(running, lambda: _answers(running.port))
    return _milliseconds_until(running, lambda: accepts(running.port))


def wait_readyz(running):
    """Milliseconds from exec to the first 200 of weir's /readyz."""
    return _milliseconds_until(running, lambda: _answers(running.admin, "/readyz"))


@dataclass(frozen=True)
class Memory:
    idle: int  # bytes resident when ready, before any load
    per_connection: float  # bytes for each idle connection that has made one request


def measure_memory(contender, origin_port, counts, scenario=H1):
    """Starts the contender afresh; the cost of a connection is the slope between two `counts`."""
    fewer, more = counts
    with Running(contender, origin_port, scenario) as running:
        wait_ready(running)
        idle = running.resident_bytes()
        connections = []
        try:
            _open_idle(running, connections, fewer)
            at_fewer = running.resident_bytes()
            _open_idle(running, connections, more)
            at_more = running.resident_bytes()
        finally:
            for connection in connections:
                connection.close()
    return Memory(idle, (at_more - at_fewer) / (more - fewer))


@cache
def _client_context():
    context = ssl.create_default_context(cafile=certificates.directory() / "ca.crt")
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(certificates.directory() / "caller.pem")  # shown to those who ask
    return context


def _open_idle(running, connections, count):
    while len(connections) < count:
        connection = socket.create_connection(("127.0.0.1", running.port), timeout=5)
        if running.scenario.tls == "client":
            connection = _client_context().wrap_socket(
                connection, server_hostname=certificates.SERVER_NAME)
        connections.append(connection)
        if not _ask(connection):
            raise RuntimeError(f"connection {len(connections)} was not answered")
