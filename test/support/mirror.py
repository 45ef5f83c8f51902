"""An application that tells everybody who it thinks is calling: `mirror.py http|grpc PORT`.

On every address, IPv4 and IPv6. http: a line of JSON for every GET: the caller's address, which of
its connections to us it is, how many are open, and its fields. GET /slow/MS waits so long first.
grpc: the caller's address and port, for any unary method.
"""

import http.server
import ipaddress
import itertools
import json
import socket
import sys
import threading
import time

NUMBERS, OPEN = itertools.count(1), set()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self):
        super().setup()
        self.number = next(NUMBERS)
        OPEN.add(self.number)

    def finish(self):
        OPEN.discard(self.number)
        super().finish()

    def do_GET(self):
        if self.path.startswith("/slow/"):
            time.sleep(int(self.path.rpartition("/")[2]) / 1000)
        peer = ipaddress.ip_address(self.client_address[0])
        told = json.dumps({"peer": str(getattr(peer, "ipv4_mapped", None) or peer),
                           "port": self.client_address[1], "connection": self.number,
                           "open": len(OPEN),
                           "fields": {name.lower(): value for name, value in
                                      self.headers.items()}}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(told)))
        self.send_header("x-instance", "mirror")
        self.end_headers()
        self.wfile.write(told)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6
    request_queue_size = 128

    def server_bind(self):
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()


def serve_grpc(port):
    from concurrent import futures

    import grpc

    class Mirror(grpc.GenericRpcHandler):
        def service(self, call):
            return grpc.unary_unary_rpc_method_handler(lambda _, context: context.peer().encode())

    server = grpc.server(futures.ThreadPoolExecutor(4), handlers=[Mirror()])
    server.add_insecure_port(f"[::]:{port}")
    server.start()
    threading.Event().wait()


if __name__ == "__main__":
    if sys.argv[1] == "grpc":
        serve_grpc(int(sys.argv[2]))
    else:
        Server(("::", int(sys.argv[2])), Handler).serve_forever()
