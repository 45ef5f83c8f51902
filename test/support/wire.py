"""A raw HTTP/1.1 client for tests: it sends exactly the bytes it is told to and hides nothing."""

import re
import socket
from dataclasses import dataclass, field


@dataclass
class Response:
    status: int
    reason: str
    fields: list  # (name in lower case, value)
    body: bytes = b""
    trailers: list = field(default_factory=list)
    interim: list = field(default_factory=list)  # the 1xx responses before it

    def header(self, name):
        """The first value, or None."""
        return next((value for key, value in self.fields if key == name), None)

    def headers(self, name):
        return [value for key, value in self.fields if key == name]

    @property
    def text(self):
        return self.body.decode()


class Closed(Exception):
    """The connection ended before a whole response had come."""


def _fields(block):
    pairs = (line.split(b":", 1) for line in block.split(b"\r\n") if line)
    return [(name.decode().lower(), value.strip().decode()) for name, value in pairs]


class Client:
    """One connection. Use as a context manager."""

    def __init__(self, port, timeout=10.0):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data.encode() if isinstance(data, str) else data)

    def request(self, method="GET", target="/", headers=None, body=None, host="catalog"):
        """Sends a request with content-length when there is a body; returns the response."""
        lines = [f"{method} {target} HTTP/1.1", f"Host: {host}"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        self.send("\r\n".join(lines) + "\r\n\r\n")
        if body:
            self.send(body)
        return self.read_response(method)

    def read_response(self, method="GET"):
        interim = []
        while True:
            response = self._read_head()
            if response.status >= 200 or response.status == 101:
                break
            interim.append(response)
        response.interim = interim
        if method != "HEAD" and response.status not in (101, 204, 304):
            self._read_body(response)
        return response

    def read(self, count):
        """Exactly `count` bytes."""
        while len(self._buffer) < count:
            self._fill()
        data, self._buffer = self._buffer[:count], self._buffer[count:]
        return data

    def closed(self):
        """True when the other side ends the connection without sending anything more."""
        if self._buffer:
            return False
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True
        except TimeoutError:
            return False

    def reset(self):
        """Ends the connection with RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.socket.close()

    def _fill(self):
        try:
            data = self.socket.recv(65536)
        except ConnectionResetError:
            data = b""
        if not data:
            raise Closed(f"after {self._buffer[:200]!r}")
        self._buffer += data

    def _until(self, end):
        while end not in self._buffer:
            self._fill()
        found, _, self._buffer = self._buffer.partition(end)
        return found

    def _read_head(self):
        line, _, block = self._until(b"\r\n\r\n").partition(b"\r\n")
        status = re.fullmatch(rb"HTTP/1\.1 (\d{3}) ?(.*)", line)
        if not status:
            raise AssertionError(f"not a status line: {line!r}")
        return Response(int(status.group(1)), status.group(2).decode(), _fields(block))

    def _read_body(self, response):
        if (response.header("transfer-encoding") or "").lower() == "chunked":
            self._read_chunks(response)
        elif response.header("content-length") is not None:
            response.body = self.read(int(response.header("content-length")))
        else:
            try:
                while True:
                    self._fill()
            except Closed:
                response.body, self._buffer = self._buffer, b""

    def _read_chunks(self, response):
        while size := int(self._until(b"\r\n"), 16):
            response.body += self.read(size)
            assert self.read(2) == b"\r\n"
        block = b""
        while line := self._until(b"\r\n"):
            block += line + b"\r\n"
        response.trailers = _fields(block)


def request(port, method="GET", target="/", headers=None, body=None, host="catalog", timeout=10.0):
    """One request on a connection of its own."""
    with Client(port, timeout) as client:
        return client.request(method, target, headers, body, host)
