"""Callers who do all that the protocols let them do to lose no request, and nothing more.

Each has a list of addresses and keeps to the first until a connection to it is refused, as behind a
balancer that has taken it out. A request moves on to another connection only where the protocol
says that it was not processed; whatever else goes wrong is a failure that a user would have seen.
"""

import http.client
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))

import h2_wire  # noqa: E402

# What a server may do to a connection that it has announced nothing about (RFC 9112, 9.3.1): the
# request was not processed and is sent again. It counts only on a connection used before.
CLOSED_WHILE_IDLE = (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError)
STREAMS = 4  # at once on one connection
TIMEOUT = 20


class Caller:
    """Counts per address what was answered, and why something was not."""

    def __init__(self, number, addresses, headers):
        self.addresses, self.headers = addresses, headers
        self.paths = [f"/slow/{5 + 20 * ((number + more) % 5)}" for more in range(STREAMS)]
        self.at = 0
        self.answered = [0] * len(addresses)
        self.failed = []

    def run(self, end):
        while time.monotonic() < end and not self.failed:
            try:
                self.turn()
            except Exception as error:  # whatever it is, a user would have seen it
                self.failed.append(f"{self.addresses[self.at]}: {error!r}")

    def connect(self, to):
        """What `to(host, port)` makes of the first address that takes connections."""
        while True:
            try:
                return to(*self.addresses[self.at])
            except ConnectionRefusedError:
                if self.at + 1 == len(self.addresses):
                    raise
                self.at += 1


def connected(host, port):
    connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT)
    connection.connect()
    return connection


class KeptAlive(Caller):
    """HTTP/1.1, one connection for request after request."""

    connection = None

    def turn(self):
        """One request of a user, until it is answered."""
        while True:
            reused = self.connection is not None
            if not reused:
                self.connection = self.connect(connected)
            try:
                self.connection.request("GET", self.paths[0], headers=self.headers)
                response = self.connection.getresponse()
            except CLOSED_WHILE_IDLE:
                if not reused:
                    raise
                self.connection = None
                continue
            response.read()
            if response.status != 200:
                raise RuntimeError(f"{self.paths[0]}: status {response.status}")
            self.answered[self.at] += 1
            if response.will_close:
                self.connection = None
            return


class NewEachTime(KeptAlive):
    """HTTP/1.1, a connection for every request."""

    def turn(self):
        super().turn()
        if self.connection is not None:
            self.connection.close()
            self.connection = None


class Multiplexed(Caller):
    """HTTP/2 with prior knowledge, several requests at once on a connection. After GOAWAY, what it
    promises to process is waited for and the rest goes to another connection (RFC 9113, 6.8)."""

    connection = None

    def turn(self):
        """A request on each stream; what was not processed is sent again, elsewhere."""
        unanswered = self.paths
        while unanswered:
            if self.connection is not None:
                self.connection.poll()
            if self.connection is None or self.connection.goaway or self.connection.closed:
                self.connection = self.connect(
                    lambda host, port: h2_wire.Client(port, address=host, timeout=TIMEOUT))
            streams = {self.connection.open(path=path, headers=self.headers): path
                       for path in unanswered}
            unanswered = [path for stream, path in streams.items() if not self.answer(stream, path)]

    def answer(self, stream, path):
        """Waits for it; False when it has certainly not been processed."""
        last = lambda: (self.connection.goaway or (stream,))[0]
        response = self.connection.responses[stream]
        self.connection.until(lambda: response.finished or last() < stream)
        if last() < stream or response.reset == h2_wire.REFUSED_STREAM:
            return False
        if response.reset is not None or response.status != 200:
            raise RuntimeError(f"{path}: status {response.status}, reset {response.reset}")
        self.answered[self.at] += 1
        return True


# Names as a person would say them, who calls so, and how many of them call at once.
KINDS = {"kept alive": (KeptAlive, 6), "new each time": (NewEachTime, 3),
         "http/2": (Multiplexed, 2)}
