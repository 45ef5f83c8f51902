#!/usr/bin/env python3
"""The clients of the tests, run inside the pod; what they saw is printed as JSON.

    client.py get HOST PORT PATH
        {"status": 200, "body": "..."}; the caller has time
    client.py load SECONDS HOST PORT HOST PORT
        steady load on the first address, and on the second from the moment that the first takes
        no more connections, as behind a balancer: {"answered": [N, N], "failed": ["why", ...]}
"""

import http.client
import json
import sys
import threading
import time

CLIENTS = 12
# What a server may do to a connection that it has announced nothing about (RFC 9112, 9.3.1): the
# request was not processed and is sent again. It counts only on a connection used before.
CLOSED_WHILE_IDLE = (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError)


def get(host, port, path):
    connection = http.client.HTTPConnection(host, int(port), timeout=20)
    connection.request("GET", path, headers={"weir-budget-ms": "9000"})
    response = connection.getresponse()
    return {"status": response.status, "body": response.read().decode()}


class Client:
    """One caller with one connection, which moves on when an address is not there any more."""

    def __init__(self, number, addresses):
        self.path = f"/slow/{5 + 20 * (number % 5)}"
        self.addresses = addresses
        self.at = 0
        self.answered = [0] * len(addresses)
        self.failed = []
        self.connection = None

    def run(self, end):
        while time.monotonic() < end and not self.failed:
            try:
                self.request()
            except Exception as error:  # whatever it is, a user would have seen it
                self.failed.append(f"{self.addresses[self.at]} {self.path}: {error!r}")

    def request(self):
        """One request of a user, until it is answered."""
        while True:
            reused = self.connection is not None
            if not reused and not self.connect():
                continue
            try:
                self.connection.request("GET", self.path)
                response = self.connection.getresponse()
            except CLOSED_WHILE_IDLE:
                if not reused:
                    raise
                self.connection = None
                continue
            response.read()
            if response.status != 200:
                raise RuntimeError(f"status {response.status}")
            self.answered[self.at] += 1
            if response.will_close:
                self.connection = None
            return

    def connect(self):
        connection = http.client.HTTPConnection(*self.addresses[self.at], timeout=20)
        try:
            connection.connect()
        except ConnectionRefusedError:
            if self.at + 1 == len(self.addresses):
                raise
            self.at += 1
            return False
        self.connection = connection
        return True


def load(seconds, *words):
    addresses = [(host, int(port)) for host, port in zip(words[::2], words[1::2])]
    clients = [Client(number, addresses) for number in range(CLIENTS)]
    end = time.monotonic() + float(seconds)
    threads = [threading.Thread(target=one.run, args=(end,)) for one in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {"answered": [sum(column) for column in zip(*(one.answered for one in clients))],
            "failed": [why for one in clients for why in one.failed]}


print(json.dumps({"get": get, "load": load}[sys.argv[1]](*sys.argv[2:])))
