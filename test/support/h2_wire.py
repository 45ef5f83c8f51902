"""A raw HTTP/2 client for tests: it sends exactly the frames it is told to and hides nothing."""

import socket
import struct
from dataclasses import dataclass, field

from needs import need_module
from wire import Closed

hpack = need_module("hpack", "python3-hpack")

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

# Frames (RFC 9113, 6).
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE = 0, 1, 2, 3, 4, 5
PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 6, 7, 8, 9
END_STREAM = ACK = 0x1
END_HEADERS, PADDED, PRIORITY_FLAG = 0x4, 0x8, 0x20

# Settings.
HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE = 1, 2, 3, 4
MAX_FRAME_SIZE, MAX_HEADER_LIST_SIZE, ENABLE_CONNECT_PROTOCOL = 5, 6, 8

# Errors.
NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR = 0, 1, 2, 3
STREAM_CLOSED, FRAME_SIZE_ERROR, REFUSED_STREAM, CANCEL = 5, 6, 7, 8
COMPRESSION_ERROR, ENHANCE_YOUR_CALM = 9, 11


def frame(kind, flags=0, stream=0, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(
        ">I", stream) + payload


def settings_frame(values=()):
    payload = b"".join(struct.pack(">HI", key, value) for key, value in dict(values).items())
    return frame(SETTINGS, payload=payload)


def window_update(stream, bytes_more):
    return frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", bytes_more))


def reset_frame(stream, code=CANCEL):
    return frame(RST_STREAM, 0, stream, struct.pack(">I", code))


def literal(name, value):
    """A field without Huffman coding and without a table, in HPACK: any bytes at all."""
    def text(data):
        data = data if isinstance(data, bytes) else data.encode("latin-1")
        size = len(data)
        if size < 127:
            return bytes([size]) + data
        head, size = bytearray([127]), size - 127
        while size >= 128:
            head.append(size % 128 + 128)
            size //= 128
        return bytes(head) + bytes([size]) + data
    return b"\0" + text(name) + text(value)


def block(fields):
    """A header block of literals, independent of all that was sent before."""
    return b"".join(literal(name, value) for name, value in fields)


def request_fields(method="GET", path="/", host="catalog", more=()):
    return [(":method", method), (":scheme", "http"), (":authority", host), (":path", path), *more]


@dataclass
class Response:
    """What has come on a stream so far."""

    status: int = 0
    fields: list = field(default_factory=list)
    interim: list = field(default_factory=list)  # (status, fields) of the 1xx before it
    body: bytearray = field(default_factory=bytearray)
    trailers: list = field(default_factory=list)
    ended: bool = False
    reset: int | None = None  # the code of a RST_STREAM

    def header(self, name):
        return next((value for key, value in self.fields if key == name), None)

    def trailer(self, name):
        return next((value for key, value in self.trailers if key == name), None)

    @property
    def text(self):
        return self.body.decode()

    @property
    def finished(self):
        return self.ended or self.reset is not None


class Client:
    """One connection with prior knowledge. Use as a context manager.

    `windows`: "generous" gives back every byte at once, "connection" only the connection's (every
    stream stalls by itself), "kept" none."""

    def __init__(self, port, settings=None, windows="generous", timeout=10.0, preface=True,
                 address="127.0.0.1"):
        self.socket = socket.create_connection((address, port), timeout=timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.timeout = timeout
        self.windows = windows
        self.responses = {}
        self.peer_settings = None
        self.settings_acks = self.pongs = 0
        self.goaway = None  # (last stream, code, debug data) of the last one
        self.closed = False
        self._decoder = hpack.Decoder()
        self._decoder.max_header_list_size = 1 << 20
        self._encoder = hpack.Encoder()
        self._buffer = bytearray()
        self._cut_block = None
        self._next = 1
        self._send_window, self._stream_windows = 65535, {}
        if preface:
            self.send(PREFACE + settings_frame(settings or {}))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    # Sending.

    def send(self, data):
        self.socket.sendall(data)

    def next_stream(self):
        stream, self._next = self._next, self._next + 2
        return stream

    def send_fields(self, stream, fields, end=True):
        """Trailers, or a head of one's own making."""
        flags = END_HEADERS | (END_STREAM if end else 0)
        self.send(frame(HEADERS, flags, stream, block(fields)))

    def open(self, method="GET", path="/", headers=None, end=True, host="catalog"):
        """Sends a request's head; returns its stream."""
        more = list(headers.items() if isinstance(headers, dict) else headers or ())
        fields = request_fields(method, path, host, more)
        return self.open_raw(self._encoder.encode(fields), end)

    def open_raw(self, header_block, end=True):
        stream = self.next_stream()
        self.responses[stream] = Response()
        self.send(frame(HEADERS, END_HEADERS | (END_STREAM if end else 0), stream, header_block))
        return stream

    def write(self, stream, data, end=True):
        """DATA within the peer's windows, waiting for them where they are used up."""
        at = 0
        while at < len(data):
            room = min(self._send_window, self._window_of(stream), 16384, len(data) - at)
            if room <= 0:
                if self.responses[stream].finished:
                    return
                self.receive()
                continue
            last = end and at + room == len(data)
            self.send(frame(DATA, END_STREAM if last else 0, stream, bytes(data[at:at + room])))
            self._send_window -= room
            self._add_window(stream, -room)
            at += room
        if end and not data:
            self.send(frame(DATA, END_STREAM, stream))

    def _window_of(self, stream):
        initial = (self.peer_settings or {}).get(INITIAL_WINDOW_SIZE, 65535)
        return self._stream_windows.get(stream, 0) + initial

    def _add_window(self, stream, more):
        if stream == 0:
            self._send_window += more
        else:
            self._stream_windows[stream] = self._stream_windows.get(stream, 0) + more

    # Receiving.

    def request(self, method="GET", path="/", headers=None, body=None, host="catalog",
                trailers=None):
        """A whole request and its response, or what came instead of one."""
        stream = self.open(method, path, headers, body is None and not trailers, host)
        if body is not None:
            self.write(stream, body, end=not trailers)
        if trailers:
            self.send_fields(stream, trailers)
        return self.wait(stream)

    def wait(self, stream):
        """The response of a stream once it has ended or was reset."""
        return self.until(lambda: self.responses[stream].finished) and self.responses[stream]

    def until(self, condition):
        """Reads until that holds; Closed when the connection ends before."""
        while not condition():
            if self.closed:
                raise Closed(f"goaway: {self.goaway}")
            self.receive()
        return True

    def until_closed(self):
        """Reads to the connection's end; returns the code of its GOAWAY, or None."""
        try:
            while not self.closed:
                self.receive()
        except TimeoutError as problem:
            raise AssertionError(f"not closed; goaway: {self.goaway}") from problem
        return self.goaway and self.goaway[1]

    def settled(self):
        """Everything that was sent before has been looked at: a PING has come back."""
        expected = self.pongs + 1
        self.send(frame(PING, payload=b"settled?"))
        self.until(lambda: self.pongs >= expected)

    def receive(self):
        """One read and all frames in it."""
        try:
            data = self.socket.recv(1 << 18)
        except ConnectionResetError:
            data = b""
        if not data:
            self.closed = True
            return
        self.feed(data)

    def poll(self):
        """What has come already, without waiting."""
        self.socket.settimeout(0)
        try:
            while not self.closed:
                self.receive()
        except (BlockingIOError, TimeoutError):
            pass
        finally:
            self.socket.settimeout(self.timeout)

    def feed(self, data):
        self._buffer += data
        at = 0
        while len(self._buffer) - at >= 9:
            size = int.from_bytes(self._buffer[at:at + 3], "big")
            if len(self._buffer) - at < 9 + size:
                break
            kind, flags = self._buffer[at + 3], self._buffer[at + 4]
            stream = int.from_bytes(self._buffer[at + 5:at + 9], "big") & 0x7fffffff
            payload = bytes(self._buffer[at + 9:at + 9 + size])
            at += 9 + size
            self._take(kind, flags, stream, payload)
        del self._buffer[:at]

    def _take(self, kind, flags, stream, payload):
        if kind == DATA:
            self._take_data(flags, stream, payload)
        elif kind in (HEADERS, CONTINUATION):
            self._take_block(kind, flags, stream, payload)
        elif kind == RST_STREAM:
            self.responses.setdefault(stream, Response()).reset = int.from_bytes(payload, "big")
        elif kind == SETTINGS and flags & ACK:
            self.settings_acks += 1
        elif kind == SETTINGS:
            pairs = struct.iter_unpack(">HI", payload)
            self.peer_settings = {**(self.peer_settings or {}), **dict(pairs)}
            self._reply(frame(SETTINGS, ACK))
        elif kind == PING and flags & ACK:
            self.pongs += 1
        elif kind == PING:
            self._reply(frame(PING, ACK, payload=payload))
        elif kind == GOAWAY:
            last, code = struct.unpack(">II", payload[:8])
            self.goaway = (last & 0x7fffffff, code, payload[8:])
        elif kind == WINDOW_UPDATE:
            self._add_window(stream, int.from_bytes(payload, "big") & 0x7fffffff)

    def _take_data(self, flags, stream, payload):
        response = self.responses.setdefault(stream, Response())
        response.body += payload
        response.ended |= bool(flags & END_STREAM)
        if payload and self.windows != "kept":
            more = window_update(0, len(payload))
            if self.windows == "generous" and not response.ended:
                more += window_update(stream, len(payload))
            self._reply(more)

    def _take_block(self, kind, flags, stream, payload):
        if kind == HEADERS:
            self._cut_block = (flags, b"")
        first_flags, data = self._cut_block
        data += payload
        self._cut_block = (first_flags, data)
        if flags & END_HEADERS:
            fields = self._decoder.decode(data)
            self._take_fields(self.responses.setdefault(stream, Response()), fields)
            self.responses[stream].ended |= bool(first_flags & END_STREAM)

    def _take_fields(self, response, fields):
        status = next((int(value) for name, value in fields if name == ":status"), None)
        rest = [(name, value) for name, value in fields if name != ":status"]
        if status is None:
            response.trailers = rest
        elif status < 200:
            response.interim.append((status, rest))
        else:
            response.status, response.fields = status, rest

    def _reply(self, data):
        """Never blocks: a peer that does not read its replies is not to stop the test."""
        try:
            self.send(data)
        except OSError:
            pass


def request(port, method="GET", path="/", headers=None, body=None, host="catalog", timeout=10.0):
    """One request on a connection of its own."""
    with Client(port, timeout=timeout) as client:
        return client.request(method, path, headers, body, host)
