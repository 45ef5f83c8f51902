"""Small programs for the tests of kernel rules: run as `redirected.py listen|dial ...`.

listen [ADDRESS:PORT|transparent:ADDRESS:PORT]...
    Tells everybody who connects how it looks from here, as one line of JSON, and hangs up. A
    transparent listener calls whoever was meant, from the caller's address, and adds its answer.
dial UID HOST PORT [SOURCE]
    Connects as that user and prints what it is told, or what went wrong.
"""

import json
import os
import selectors
import socket
import struct
import sys

SO_ORIGINAL_DST = 80
IP_TRANSPARENT, IPV6_TRANSPARENT = 19, 75
MARK = 2102


def family_of(host):
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def original_destination(connection):
    """Where the caller wanted to go, as the kernel's connection tracking remembers it."""
    try:
        if connection.family == socket.AF_INET:
            raw = connection.getsockopt(socket.SOL_IP, SO_ORIGINAL_DST, 16)
            return socket.inet_ntop(socket.AF_INET, raw[4:8]), struct.unpack("!H", raw[2:4])[0]
        raw = connection.getsockopt(socket.IPPROTO_IPV6, SO_ORIGINAL_DST, 28)
        return socket.inet_ntop(socket.AF_INET6, raw[8:24]), struct.unpack("!H", raw[2:4])[0]
    except OSError:
        return None


def make_transparent(sock):
    if sock.family == socket.AF_INET:
        sock.setsockopt(socket.SOL_IP, IP_TRANSPARENT, 1)
    else:
        sock.setsockopt(socket.IPPROTO_IPV6, IPV6_TRANSPARENT, 1)


def read_line(sock):
    text = b""
    while part := sock.recv(4096):
        text += part
    return json.loads(text)


def call_on_behalf(connection):
    with socket.socket(connection.family) as onward:
        onward.settimeout(5)
        make_transparent(onward)
        onward.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, MARK)
        onward.bind((connection.getpeername()[0], 0))
        onward.connect(connection.getsockname()[:2])
        return read_line(onward)


def answer(listener, connection, transparent):
    told = {"at": listener.getsockname()[1], "peer": connection.getpeername()[0],
            "local": connection.getsockname()[0], "original": original_destination(connection)}
    if transparent:
        try:
            told["application"] = call_on_behalf(connection)
        except OSError as problem:
            told["application"] = str(problem)
    connection.sendall(json.dumps(told).encode())
    connection.close()


def listen(addresses):
    selector = selectors.DefaultSelector()
    for text in addresses:
        transparent = text.startswith("transparent:")
        host, _, port = text.removeprefix("transparent:").rpartition(":")
        host = host.strip("[]")
        listener = socket.socket(family_of(host))
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if listener.family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if transparent:
            make_transparent(listener)
        listener.bind((host, int(port)))
        listener.listen()
        selector.register(listener, selectors.EVENT_READ, transparent)
    print("listening", flush=True)
    while True:
        for key, _ in selector.select():
            connection, _ = key.fileobj.accept()
            try:
                answer(key.fileobj, connection, key.data)
            except OSError:
                connection.close()


def dial(user, host, port, source=None):
    os.setgroups([])
    os.setresgid(int(user), int(user), int(user))
    os.setresuid(int(user), int(user), int(user))
    try:
        with socket.socket(family_of(host)) as sock:
            sock.settimeout(5)
            if source:
                sock.bind((source, 0))
            sock.connect((host, int(port)))
            print(json.dumps(read_line(sock)))
    except (OSError, ValueError) as problem:
        print(json.dumps({"problem": str(problem)}))


if __name__ == "__main__":
    if sys.argv[1] == "listen":
        listen(sys.argv[2:])
    else:
        dial(*sys.argv[2:])
