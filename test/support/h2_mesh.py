"""What tests of HTTP/2 share: origins that speak it, programs that people use, and the words."""

import base64
import hashlib
import re
import socket
import subprocess
import threading

from h2_origin import H2Origin
from mesh import MeshTest
from needs import need_program
from processes import Process, free_port

HTTP1 = {"protocol": "http/1.1"}
HTTP2 = {"protocol": "http/2"}
MIB = 1024 * 1024


class Http2Test(MeshTest):
    """A mesh with origins in this process; whatever they found wrong with weir fails the test."""

    def origin(self, name="h2", **options):
        origin = H2Origin(name, **options)
        self.addCleanup(self._close_origin, origin)
        return origin

    def _close_origin(self, origin):
        origin.stop()
        self.assertEqual(origin.errors, [], "weir broke RFC 9113 towards the origin")

    def nghttpx(self, backend, protocol="http/1.1"):
        """nghttpx in front of `backend`, on HTTP/1.1 and HTTP/2; returns its port."""
        port = free_port()
        process = Process([need_program("nghttpx", "nghttp2-proxy"), "--conf=/dev/null",
                           f"--frontend=127.0.0.1,{port};no-tls", "--workers=1",
                           f"--backend=127.0.0.1,{backend};;proto={alpn(protocol)}",
                           "--errorlog-file=/dev/stderr"], "nghttpx")
        self._processes.append(process)
        process.wait_for_port(port)
        return port

    def program(self, *command, package, code=0):
        """Runs to its end; returns its output."""
        done = subprocess.run([need_program(command[0], package), *map(str, command[1:])],
                              capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout

    def curl(self, port, target="/", *arguments, version="--http2-prior-knowledge"):
        return self.program("curl", "-sS", "--max-time", "20", version, "-H", "Host: catalog",
                            *arguments, f"http://127.0.0.1:{port}{target}", package="curl")

    def nghttp(self, port, target="/", *arguments):
        return self.program("nghttp", "-H:authority: catalog", *arguments,
                            f"http://127.0.0.1:{port}{target}", package="nghttp2-client")

    def h2load(self, port, *arguments, target="/"):
        return self.program("h2load", "-H:authority: catalog", *arguments,
                            f"http://127.0.0.1:{port}{target}", package="nghttp2-client")


def alpn(protocol):
    return "h2" if protocol == "http/2" else protocol


class WebSocketOrigin:
    """An HTTP/1.1 server that accepts every WebSocket as RFC 6455 says, and echoes its bytes."""

    GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

    def __init__(self):
        self.heads = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self):
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        head = b""
        while b"\r\n\r\n" not in head:
            data = sock.recv(65536)
            if not data:
                return
            head += data
        head, _, data = head.partition(b"\r\n\r\n")
        self.heads.append(head.decode())
        key = re.search(r"(?im)^sec-websocket-key: *(\S+)", head.decode())
        if not key or not re.search(r"(?im)^upgrade: *websocket", head.decode()):
            sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return sock.close()
        sock.sendall(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
                     b"Upgrade: websocket\r\nSec-WebSocket-Accept: "
                     + websocket_accept(key.group(1)).encode() + b"\r\n\r\n" + data)
        while data := sock.recv(65536):
            sock.sendall(data)
        sock.close()


def websocket_accept(key):
    digest = hashlib.sha1(key.encode() + WebSocketOrigin.GUID).digest()
    return base64.b64encode(digest).decode()
