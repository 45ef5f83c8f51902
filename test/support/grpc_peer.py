"""A gRPC client and server for tests: python3-grpcio with bytes for messages, without protoc.

The method says what the server does:
  /weir.Test/Echo       unary: the message back; what came is kept in `calls`
  /weir.Test/Collect    client streaming: all messages joined
  /weir.Test/Split      server streaming: the message byte by byte
  /weir.Test/Chat       both: each message back as it comes
  /weir.Test/Hang       unary: answers only when the caller has ended it
  /weir.Test/Fail_NAME  unary: that status, trailers only
  /weir.Test/Rich       unary: a status with a message beyond ASCII and binary metadata
  /weir.Test/Late_NAME  server streaming: one message, then that status
"""

import threading
from concurrent import futures
from dataclasses import dataclass, field

from needs import need_module
from processes import wait_until

grpc = need_module("grpc", "python3-grpcio")

SERVICE = "/weir.Test/"
RICH_MESSAGE = "zu spät – 遅い %"
RICH_BINARY = bytes(range(256))


@dataclass
class Call:
    method: str
    metadata: dict
    remaining: float | None  # seconds that the caller's deadline left, on arrival
    ended: threading.Event = field(default_factory=threading.Event)


class GrpcServer:
    """Listens until stop(). `unavailable` makes every call fail with UNAVAILABLE."""

    def __init__(self, name="a"):
        self.name = name
        self.unavailable = False
        self.status = 1  # of the health protocol: SERVING
        self._calls = []
        self._lock = threading.Lock()
        self._server = grpc.server(
            futures.ThreadPoolExecutor(32), handlers=[_Methods(self)],
            options=[("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)])
        self.port = self._server.add_insecure_port("127.0.0.1:0")
        self.address = f"127.0.0.1:{self.port}"
        self._server.start()

    def stop(self):
        self._server.stop(0)

    def calls(self, method=""):
        with self._lock:
            return [call for call in self._calls if method in call.method]

    def count(self, method="Test"):
        return len(self.calls(method))

    def clear(self):
        with self._lock:
            self._calls.clear()

    def wait_for_call(self, method=""):
        wait_until(lambda: self.calls(method), what=f"a call of {method}")
        return self.calls(method)[0]

    def begin(self, method, context):
        call = Call(method, dict(context.invocation_metadata()), context.time_remaining())
        with self._lock:
            self._calls.append(call)
        context.add_callback(call.ended.set)
        if self.unavailable and "Health" not in method:
            context.abort(grpc.StatusCode.UNAVAILABLE, "by order")
        return call


class _Methods(grpc.GenericRpcHandler):
    def __init__(self, server):
        self.server = server

    def service(self, details):
        method = details.method
        begin = self.server.begin

        def begun(answer):
            def run(request, context):
                begin(method, context)
                return answer(request, context)
            return run

        if method == "/grpc.health.v1.Health/Check":
            # HealthCheckResponse { ServingStatus status = 1; }
            return grpc.unary_unary_rpc_method_handler(
                begun(lambda request, context: b"\x08" + bytes([self.server.status])))
        name, _, argument = method.removeprefix(SERVICE).partition("_")
        kinds = {
            "Echo": (grpc.unary_unary_rpc_method_handler, lambda request, context: request),
            "Collect": (grpc.stream_unary_rpc_method_handler,
                        lambda requests, context: b"".join(requests)),
            "Split": (grpc.unary_stream_rpc_method_handler,
                      lambda request, context: (bytes([byte]) for byte in request)),
            "Chat": (grpc.stream_stream_rpc_method_handler,
                     lambda requests, context: (message for message in requests)),
            "Hang": (grpc.unary_unary_rpc_method_handler, _hang),
            "Fail": (grpc.unary_unary_rpc_method_handler,
                     lambda request, context: context.abort(grpc.StatusCode[argument], "by order")),
            "Late": (grpc.unary_stream_rpc_method_handler, _late(argument)),
            "Rich": (grpc.unary_unary_rpc_method_handler, _rich),
        }
        if name not in kinds:
            return None  # UNIMPLEMENTED
        make, answer = kinds[name]
        return make(begun(answer))


def _hang(request, context):
    ended = threading.Event()
    context.add_callback(ended.set)
    ended.wait(30)
    return b""


def _late(argument):
    def answer(request, context):
        yield b"first"
        context.abort(grpc.StatusCode[argument], "after the first")
    return answer


def _rich(request, context):
    context.send_initial_metadata((("x-first", "1"), ("x-first-bin", RICH_BINARY)))
    context.set_trailing_metadata((("x-last", "2"), ("x-last-bin", RICH_BINARY)))
    context.abort(grpc.StatusCode.FAILED_PRECONDITION, RICH_MESSAGE)


class GrpcClient:
    """One channel. Use as a context manager. Each call returns (call, answer or answers)."""

    def __init__(self, port, host="catalog"):
        self.channel = grpc.insecure_channel(f"127.0.0.1:{port}", options=[
            ("grpc.default_authority", host), ("grpc.enable_retries", 0),
            ("grpc.use_local_subchannel_pool", 1), ("grpc.max_receive_message_length", -1),
            ("grpc.max_send_message_length", -1)])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.channel.close()

    def unary(self, method, message=b"", timeout=10, metadata=()):
        """(status code, answer or None, the call, for its details and metadata)"""
        call = self.channel.unary_unary(SERVICE + method).future(
            message, timeout=timeout, metadata=metadata)
        code = call.code()  # waits
        return code, call.result() if code is grpc.StatusCode.OK else None, call

    def start(self, method, message=b"", timeout=10):
        return self.channel.unary_unary(SERVICE + method).future(message, timeout=timeout)

    def collect(self, messages, timeout=10):
        return self.channel.stream_unary(SERVICE + "Collect")(iter(messages), timeout=timeout)

    def split(self, method, message, timeout=10):
        return self.channel.unary_stream(SERVICE + method)(message, timeout=timeout)

    def chat(self, messages, timeout=10):
        return self.channel.stream_stream(SERVICE + "Chat")(messages, timeout=timeout)
