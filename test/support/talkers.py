"""Ends of plain TCP connections for the tests of tunnels.

As a module: Talker, a server whose behaviour a function gives. As a program, to be run inside a
network namespace: `talkers.py serve ADDRESS:PORT MODE` (echo, greet, sink) and
`talkers.py call UID HOST PORT TEXT`, which prints what came back until the other side had ended.
"""

import os
import socket
import struct
import sys
import threading


def read_all(sock):
    """Everything until the other side has ended; ConnectionResetError when it broke off."""
    parts = []
    while part := sock.recv(1 << 16):
        parts.append(part)
    return b"".join(parts)


def echo(sock):
    while part := sock.recv(1 << 16):
        sock.sendall(part)
    sock.shutdown(socket.SHUT_WR)


def greet(sock):
    """Speaks first, as MySQL and SMTP do."""
    sock.sendall(b"220 at your service\n")
    echo(sock)


def sink(sock):
    """Counts, and answers with the count when the caller has ended."""
    count = 0
    while part := sock.recv(1 << 18):
        count += len(part)
    sock.sendall(str(count).encode())


def silent(sock):
    sock.recv(1)
    threading.Event().wait(30)


def reset(sock):
    """Closes so that the other side finds the connection broken."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


class Talker:
    """A server on a port of its own; `behave` gets each connection, on a thread of its own."""

    def __init__(self, behave, port=0, host="127.0.0.1"):
        both = ":" in host
        self.listener = socket.create_server(
            (host, port), family=socket.AF_INET6 if both else socket.AF_INET, dualstack_ipv6=both)
        self.port = self.listener.getsockname()[1]
        self.address = f"{host}:{self.port}"
        self.connections = []
        self._behave = behave
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            self.connections.append(sock)
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        try:
            self._behave(sock)
        except OSError:
            pass
        finally:
            sock.close()

    def stop(self):
        # A blocked accept() would keep the listener open.
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()


def call(host, port, text):
    with socket.create_connection((host, port), timeout=10) as sock:
        if text:
            sock.sendall(text)
        sock.shutdown(socket.SHUT_WR)
        return read_all(sock)


def main(arguments):
    if arguments[0] == "serve":
        host, _, port = arguments[1].rpartition(":")
        Talker({"echo": echo, "greet": greet, "sink": sink}[arguments[2]], int(port),
               host.strip("[]"))
        threading.Event().wait()
    else:
        os.setgid(int(arguments[1]))
        os.setuid(int(arguments[1]))
        print(call(arguments[2], int(arguments[3]), arguments[4].encode()).decode(), end="")


if __name__ == "__main__":
    main(sys.argv[1:])
