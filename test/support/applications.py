"""Applications for tests of what crosses them: servers in this process whose answers a test writes,
and callers that can hang up, alike in HTTP/1.1, HTTP/2 and gRPC.

An application is given `answer`, a function from a Request to a status of HTTP. It runs on a thread
of its own, may take its time and make calls itself. In gRPC its status becomes the nearest code,
and back.
"""

import socket
import threading
import time
from concurrent import futures

import h2_wire
import wire
from grpc_peer import GrpcClient, grpc
from h2_origin import H2Origin
from processes import free_port

# What an application or its library carries over from the request that it serves to its calls.
TRACE = ("traceparent", "tracestate")
EVERYTHING = "everything"
# What belongs to one hop or to one message, and is copied by nobody.
_OWN = {"host", "connection", "content-length", "content-type", "te", "user-agent"}
_CODES = {200: "OK", 499: "CANCELLED", 503: "UNAVAILABLE", 504: "DEADLINE_EXCEEDED"}
_STATUSES = {name: status for status, name in _CODES.items()}


class Request:
    """What an application has got. Equal by identity."""

    def __init__(self, method, path, fields, gone):
        self.method, self.path, self.fields = method, path, fields
        self.arrived = time.monotonic()
        self.answered = False
        self._gone = gone

    def gone(self):
        """Its caller has given it up before it was answered."""
        return self._gone(self)

    def header(self, name):
        return next((value for key, value in self.fields if key == name), None)

    def copied(self, names):
        """The fields with these names, or everything that is not the message's own."""
        def wanted(name):
            if names != EVERYTHING:
                return name in names
            return name not in _OWN and not name.startswith((":", "grpc-"))
        return {key: value for key, value in self.fields if wanted(key)}


class _Application:
    def __init__(self, answer):
        self.answer = answer
        self._requests = []
        self._lock = threading.Lock()

    def requests(self):
        with self._lock:
            return list(self._requests)

    def clear(self):
        with self._lock:
            self._requests.clear()

    def begin(self, request):
        with self._lock:
            self._requests.append(request)


class Http1Application(_Application):
    def __init__(self, answer):
        super().__init__(answer)
        self._connections = []
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=1024)
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self):
        for one in [self._listener, *self._connections]:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            one.close()

    def _accept(self):
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self._connections.append(sock)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        """Goes on reading while a request is being answered, and so learns of a caller's going."""
        closed = threading.Event()
        reader = sock.makefile("rb")
        try:
            while line := reader.readline():
                method, path, _ = line.decode("latin-1").split()
                fields = []
                while (line := reader.readline().decode("latin-1").strip()):
                    name, _, value = line.partition(":")
                    fields.append((name.lower(), value.strip()))
                reader.read(int(dict(fields).get("content-length", 0)))
                request = Request(method, path, fields, lambda _: closed.is_set())
                self.begin(request)
                threading.Thread(target=self._work, args=(sock, request, closed),
                                 daemon=True).start()
        except OSError:
            pass
        closed.set()

    def _work(self, sock, request, closed):
        status = self.answer(request)
        if closed.is_set():
            return
        request.answered, request._gone = True, lambda _: False
        try:
            sock.sendall(f"HTTP/1.1 {status} -\r\nContent-Length: 0\r\n\r\n".encode())
        except OSError:
            pass


class Http2Application(_Application):
    def __init__(self, answer):
        super().__init__(answer)
        self._origin = H2Origin()
        self._origin.end = self._end
        self.port, self.address = self._origin.port, self._origin.address

    def stop(self):
        self._origin.stop()
        assert not self._origin.errors, self._origin.errors

    def _end(self, connection, call):
        fields = [(name, value) for name, value in call.fields if not name.startswith(":")]
        request = Request(call.header(":method"), call.path, fields, lambda _: call.stopped())
        self.begin(request)
        threading.Thread(target=self._work, args=(connection, call, request), daemon=True).start()

    def _work(self, connection, call, request):
        status = self.answer(request)
        with connection.lock:
            if not call.stopped():
                request.answered = True
                connection.head(call, status, end=True)
                connection.flush()


class GrpcApplication(_Application, grpc.GenericRpcHandler):
    def __init__(self, answer):
        super().__init__(answer)
        self._server = grpc.server(futures.ThreadPoolExecutor(64), handlers=[self])
        self.port = self._server.add_insecure_port("127.0.0.1:0")
        self.address = f"127.0.0.1:{self.port}"
        self._server.start()

    def stop(self):
        self._server.stop(0)

    def service(self, details):
        return grpc.unary_unary_rpc_method_handler(
            lambda _, context: self._work(details.method, context))

    def _work(self, path, context):
        ended = threading.Event()
        context.add_callback(ended.set)
        fields = list(context.invocation_metadata())
        request = Request("POST", path, fields, lambda one: ended.is_set() and not one.answered)
        self.begin(request)
        status = self.answer(request)
        request.answered = not ended.is_set()
        if status != 200:
            context.abort(grpc.StatusCode[_CODES[status]], "as the test wants it")
        return b""


class Http1Call:
    """A request that has been sent; `status` waits for the answer."""

    def __init__(self, port, fields, method, path):
        self._client = wire.Client(port, timeout=20)
        lines = [f"{method} {path} HTTP/1.1", "Host: catalog"]
        lines += [f"{name}: {value}" for name, value in fields.items()]
        lines += ["Content-Length: 0"] if method != "GET" else []
        self._client.send("\r\n".join(lines) + "\r\n\r\n")

    def status(self):
        with self._client:
            return self._client.read_response().status

    def hang_up(self):
        self._client.socket.close()


class Http2Call:
    def __init__(self, port, fields, method, path):
        self._client = h2_wire.Client(port, timeout=20)
        self._stream = self._client.open(method, path, fields)

    def status(self):
        with self._client:
            return self._client.wait(self._stream).status

    def hang_up(self):
        """The stream alone: the connection goes on."""
        self._client.send(h2_wire.reset_frame(self._stream))


class GrpcCall:
    """Without a deadline of its own. The method of HTTP is always POST."""

    def __init__(self, port, fields, _, path):
        self._client = GrpcClient(port)
        self._call = self._client.channel.unary_unary(path).future(
            b"", metadata=tuple(fields.items()))

    def status(self):
        with self._client:
            return _STATUSES[self._call.code().name]

    def hang_up(self):
        self._call.cancel()
