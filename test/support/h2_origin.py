"""An HTTP/2 service instance for tests, in this process, on python3-h2: strict, and scriptable.

The path says what to answer, as in peer_answer.h:
  /status/N  /bytes/N  /chunked/N  /echo (with the request's trailers)  /early
  /slow/MS: never answers; anything else: 200 and the instance's name
A `mode` orders trouble for every request:
  ok       as the path says
  refuse   RST_STREAM with REFUSED_STREAM
  goaway   GOAWAY with a last stream below this one; earlier streams are still answered
  kill     the connection is reset without a word
  hang     never answers
  drain    answers, then GOAWAY with this stream as the last
An extended CONNECT is accepted and echoed. What weir does against RFC 9113 is kept in `errors`.
"""

import socket
import struct
import threading
from dataclasses import dataclass, field

from needs import need_module
from processes import free_port, wait_until

h2_config = need_module("h2.config", "python3-h2")
h2_connection = need_module("h2.connection", "python3-h2")
h2_events = need_module("h2.events", "python3-h2")
h2_exceptions = need_module("h2.exceptions", "python3-h2")
h2_settings = need_module("h2.settings", "python3-h2")

REFUSED_STREAM, CANCEL = 7, 8


@dataclass
class Call:
    """A request as it came. Equal by identity."""

    connection: int
    stream: int
    fields: list  # with the pseudo fields
    body: bytearray = field(default_factory=bytearray)
    trailers: list = field(default_factory=list)
    ended: bool = False
    reset: int | None = None  # the code of the caller's RST_STREAM
    answered: bool = False  # everything has been handed to the connection
    lost: bool = False  # the connection ended first

    def stopped(self):
        """The caller has given it up, on this stream or with the whole connection."""
        return self.reset is not None or self.lost

    def header(self, name):
        return next((value for key, value in self.fields if key == name), None)

    @property
    def path(self):
        return self.header(":path")

    def __eq__(self, other):
        return self is other


class _Connection:
    def __init__(self, origin, sock, number):
        self.origin, self.socket, self.number = origin, sock, number
        self.lock = threading.RLock()
        config = h2_config.H2Configuration(client_side=False, header_encoding="latin-1")
        self.h2 = h2_connection.H2Connection(config)
        settings = {h2_settings.SettingCodes.ENABLE_CONNECT_PROTOCOL: 1,
                    h2_settings.SettingCodes.MAX_CONCURRENT_STREAMS: 1 << 20}
        self.h2.local_settings = h2_settings.Settings(client=False, initial_values={
            **dict(self.h2.local_settings), **settings})
        self.calls = {}
        self.waiting = {}  # stream: [bytes not sent yet, trailers or None, ends]
        self.last_stream = None  # after GOAWAY: streams above it do not count

    def run(self):
        with self.lock:
            self.h2.initiate_connection()
            # Holds only from its acknowledgement on: until then the client cannot know it.
            self.h2.update_settings(
                {h2_settings.SettingCodes.MAX_CONCURRENT_STREAMS: self.origin.streams})
            self.flush()
        try:
            while data := self.socket.recv(1 << 16):
                with self.lock:
                    for event in self.h2.receive_data(data):
                        self._on(event)
                    self.flush()
        except h2_exceptions.ProtocolError as problem:
            # Once the client has said GOAWAY the library refuses to answer, which is permitted.
            if "ConnectionState.CLOSED" not in str(problem):
                self.origin.errors.append(repr(problem))
            self.flush()
        except OSError:
            pass
        finally:
            for call in self.calls.values():
                call.lost = not call.answered
            self.close()

    def close(self):
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()

    def kill(self):
        """RST in place of an orderly end; only from the connection's own thread."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.socket.close()
        raise OSError("killed by order")

    def flush(self):
        data = self.h2.data_to_send()
        if data:
            try:
                self.socket.sendall(data)
            except OSError:
                pass

    def _on(self, event):
        stream = getattr(event, "stream_id", None)
        if isinstance(event, h2_events.RequestReceived):
            if self.last_stream is not None and stream > self.last_stream:
                return
            call = Call(self.number, stream, list(event.headers))
            self.calls[stream] = call
            self.origin.record(call)
            self.origin.begin(self, call)
        elif isinstance(event, h2_events.WindowUpdated):
            for waiting in [stream] if stream else list(self.waiting):
                self._pour(waiting)
        call = self.calls.get(stream)
        if call is None:
            return
        if isinstance(event, h2_events.DataReceived):
            self.origin.data(self, call, event)
        elif isinstance(event, h2_events.TrailersReceived):
            call.trailers = list(event.headers)
        elif isinstance(event, h2_events.StreamEnded):
            call.ended = True
            self.origin.end(self, call)
        elif isinstance(event, h2_events.StreamReset):
            call.reset = int(event.error_code)
            self.waiting.pop(stream, None)

    # For handlers.

    def head(self, call, status, fields=(), end=False):
        self.h2.send_headers(call.stream, [(":status", str(status)),
                                           ("x-instance", self.origin.name), *fields], end)
        call.answered |= end

    def body(self, call, data, end=True, trailers=None):
        """Sends as the windows permit, and the rest when they open."""
        entry = self.waiting.setdefault(call.stream, [bytearray(), None, False])
        entry[0] += data
        entry[1], entry[2] = trailers, end
        self._pour(call.stream)

    def _pour(self, stream):
        entry = self.waiting.get(stream)
        if entry is None:
            return
        try:
            while entry[0]:
                room = min(self.h2.local_flow_control_window(stream),
                           self.h2.max_outbound_frame_size, len(entry[0]))
                if room <= 0:
                    return
                last = entry[2] and room == len(entry[0]) and not entry[1]
                self.h2.send_data(stream, bytes(entry[0][:room]), end_stream=last)
                del entry[0][:room]
                if last:
                    return self._answered(stream)
            if entry[2]:
                self._answered(stream)
                if entry[1]:
                    self.h2.send_headers(stream, entry[1], end_stream=True)
                else:
                    self.h2.end_stream(stream)
        except (h2_exceptions.StreamClosedError, h2_exceptions.ProtocolError):
            self.waiting.pop(stream, None)

    def _answered(self, stream):
        del self.waiting[stream]
        self.calls[stream].answered = True

    def goaway(self, last, code=0):
        """Past the library, which would refuse to go on with the streams that are still good."""
        self.flush()
        self.last_stream = last
        payload = struct.pack(">II", last, code)
        self.socket.sendall(struct.pack(">I", 8)[1:] + b"\x07\0\0\0\0\0" + payload)


class H2Origin:
    """Listens until stop(). `begin`, `data` and `end` may be replaced to script something else."""

    def __init__(self, name="h2", port=None, streams=1000):
        self.name, self.streams = name, streams
        self.port = port or free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.mode = "ok"
        self.errors = []
        self.made = 0  # connections, ever
        self._calls = []
        self._connections = []
        self._lock = threading.Lock()
        self._listener = None
        self.start()

    def start(self):
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=1024)
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def stop(self):
        """Refuses new connections and ends the ones there are."""
        try:
            self._listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._listener.close()
        for connection in self.connections():
            connection.close()

    def connections(self):
        with self._lock:
            return list(self._connections)

    def calls(self):
        with self._lock:
            return list(self._calls)

    def count(self):
        return len(self.calls())

    def clear(self):
        with self._lock:
            self._calls.clear()

    def wait_for_calls(self, count, seconds=5.0):
        wait_until(lambda: self.count() >= count, seconds, f"{count} calls")
        return self.calls()

    def restart_gently(self):
        """As a good server does: GOAWAY that refuses nothing yet, then one with the last stream."""
        for connection in self.connections():
            with connection.lock:
                try:
                    connection.goaway(0x7fffffff)
                    connection.goaway(max(connection.calls, default=0))
                except OSError:
                    pass

    def _accept(self, listener):
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self.made += 1
                connection = _Connection(self, sock, self.made)
                self._connections.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        try:
            connection.run()
        finally:
            with self._lock:
                self._connections.remove(connection)

    def record(self, call):
        with self._lock:
            self._calls.append(call)

    # What is done with a call.

    def begin(self, connection, call):
        if self.mode == "refuse":
            connection.h2.reset_stream(call.stream, REFUSED_STREAM)
            del connection.calls[call.stream]
        elif self.mode == "kill":
            connection.kill()
        elif self.mode == "goaway":
            del connection.calls[call.stream]
            connection.goaway(call.stream - 2 if call.stream > 1 else 0)
        elif call.header(":protocol"):
            connection.head(call, 200)
        elif call.path == "/early":
            connection.h2.send_headers(call.stream, [(":status", "103"), ("link", "</a.css>")])

    def data(self, connection, call, event):
        connection.h2.acknowledge_received_data(event.flow_controlled_length, call.stream)
        if call.header(":protocol"):
            connection.body(call, event.data, end=False)
        else:
            call.body += event.data

    def end(self, connection, call):
        if self.mode not in ("ok", "drain") or call.path.startswith("/slow/"):
            return
        kind, _, argument = call.path.lstrip("/").partition("/")
        head_only = call.header(":method") == "HEAD"
        if call.header(":protocol"):
            connection.body(call, b"")
        elif head_only:
            connection.head(call, 200, [("content-length", "1234")], end=True)
        elif kind == "status":
            connection.head(call, int(argument), end=True)
        elif kind == "bytes":
            connection.head(call, 200, [("content-length", argument)])
            connection.body(call, b"b" * int(argument))
        elif kind == "echo":
            connection.head(call, 200)
            connection.body(call, bytes(call.body), trailers=call.trailers)
        elif kind == "chunked":
            connection.head(call, 200)
            connection.body(call, b"c" * int(argument), trailers=[("x-trailer", "last")])
        else:
            connection.head(call, 200, [("content-length", str(len(self.name)))])
            connection.body(call, self.name.encode())
        if self.mode == "drain":
            connection.goaway(call.stream)
