"""Both ends of a bulk transfer over plain TCP.

`bulk_ends.py serve PORT` sends each connection as many bytes as its first eight say;
`bulk_ends.py fetch PORT BYTES` asks for them, throws them away unseen, and prints the seconds.
"""

import socket
import sys
import threading
import time

PIECE = 1 << 20


def _send(connection):
    left = int.from_bytes(connection.recv(8, socket.MSG_WAITALL), "big")
    piece = memoryview(bytes(PIECE))
    with connection:
        while left > 0:
            left -= connection.send(piece[:min(left, PIECE)])


def serve(port):
    listener = socket.create_server(("127.0.0.1", port))
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=_send, args=(connection,), daemon=True).start()


def fetch(port, count):
    """Seconds until all of it was there."""
    buffer = bytearray(4 * PIECE)
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(count.to_bytes(8, "big"))
        left = count
        while left > 0:
            # With this flag the kernel discards in place of copying: the proxy is to be the limit.
            got = connection.recv_into(buffer, len(buffer), socket.MSG_TRUNC)
            if got == 0:
                sys.exit(f"{left} bytes are missing")
            left -= got
    return time.monotonic() - began


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(int(sys.argv[2]))
    else:
        print(fetch(int(sys.argv[2]), int(sys.argv[3])))
