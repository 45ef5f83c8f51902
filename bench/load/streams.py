"""Very many streams at once: what weir holds for each, and that it lets go of them all."""

import re
import select
import socket
import struct
import time
from dataclasses import dataclass

import contenders
from contenders import PROXY_CORE
from processes import Process, free_port, resident_bytes

CONNECTIONS = 800
STREAMS = 125  # on each: 100,000

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

_CONFIG = """\
service: {{ name: streams }}
admin: {{ listen: "127.0.0.1:{admin}" }}
outbound:
  listen: "127.0.0.1:{port}"
  budget: {{ default: 600s, maximum: 600s }}
  limits: {{ connections: {connections}, streams: {streams}, idle_timeout: 600s }}
upstreams:
  origin:
    endpoints: [{{ address: "127.0.0.1:{origin}" }}]
    protocol: http/2
    connect_timeout: 10s
    failover: off
    breaker: off
    ejection: off
    bulkhead: {{ concurrent: {all}, queue: 1 }}
    pool: {{ streams: 1000 }}
routes:
  - {{ match: {{ host: "*" }}, to: origin, budget: 600s }}
access_log: off
"""


@dataclass(frozen=True)
class Point:
    streams: int
    resident: int  # bytes


def _frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(
        ">I", stream) + payload


def _requests(count):
    """What a client sends that asks `count` times; independent of the connection."""
    fields = [(b":method", b"GET"), (b":scheme", b"http"), (b":authority", b"origin"),
              (b":path", b"/held")]
    block = b"".join(b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value
                     for name, value in fields)
    heads = b"".join(_frame(1, 0x5, 2 * number + 1, block) for number in range(count))
    return _PREFACE + _frame(4, 0, 0) + _frame(4, 1, 0) + heads


class Held:
    """weir, an origin that never answers, and clients that wait. Use as a context manager."""

    def __init__(self, weir, tools, directory):
        self.port, self._admin = free_port(), free_port()
        self._origin, origin_port = contenders.start_origin(tools, contenders.H2_TO_H2, "--silent", 1)
        config = directory / "streams.yaml"
        config.write_text(_CONFIG.format(
            admin=self._admin, port=self.port, origin=origin_port, connections=CONNECTIONS + 10,
            streams=STREAMS, all=CONNECTIONS * STREAMS + 1))
        self._weir = Process([weir, "run", "-c", config], "weir", PROXY_CORE)
        self._weir.wait_for_port(self._admin)
        self._clients = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.let_go()
        self._weir.stop()
        self._origin.stop()

    def in_flight(self):
        with socket.create_connection(("127.0.0.1", self._admin), timeout=30) as admin:
            admin.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            text = b""
            while data := admin.recv(1 << 20):
                text += data
        counts = re.findall(rb"^weir_exchanges_in_flight\{[^}]*\} (\d+)", text, re.M)
        return sum(map(int, counts))

    def wait_for(self, streams, seconds=120):
        end = time.monotonic() + seconds
        while (held := self.in_flight()) != streams:
            if time.monotonic() > end:
                raise TimeoutError(f"{held} streams are held, and not {streams}")
            if not self._weir.running():
                raise RuntimeError(f"weir ended:\n{self._weir.errors()}")
            self._read()
        return Point(streams, resident_bytes(self._weir.pid))

    def hold(self, connections):
        """Clients up to that number, each with STREAMS requests; what that takes."""
        requests = _requests(STREAMS)
        while len(self._clients) < connections:
            client = socket.create_connection(("127.0.0.1", self.port), timeout=30)
            client.sendall(requests)
            self._clients.append(client)
        return self.wait_for(connections * STREAMS)

    def _read(self):
        """SETTINGS and PING of weir's need no answer here, but must not pile up."""
        ready, _, _ = select.select(self._clients[:900], [], [], 0.05)
        for client in ready:
            if not client.recv(65536):
                raise RuntimeError("weir closed a connection")

    def let_go(self):
        for client in self._clients:
            client.close()
        self._clients.clear()


def measure(weir, tools, directory):
    """(points with growing numbers of streams, the point after all of them have gone)"""
    with Held(weir, tools, directory) as held:
        points = [held.wait_for(0)]
        for share in (4, 2, 1):
            points.append(held.hold(CONNECTIONS // share))
            print(f"{points[-1].streams:7,} streams: {points[-1].resident / 2**20:.1f} MiB", flush=True)
        held.let_go()
        return points, held.wait_for(0)
