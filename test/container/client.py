#!/usr/bin/env python3
"""The clients of the tests, run inside the pod or beside it; what they saw is printed as JSON.

    client.py get HOST PORT PATH
        {"status": 200, "body": "..."}; the caller has time
    client.py load SECONDS FIRST PORT SECOND PORT [FIRST PORT SECOND PORT ...]
        steady load of every kind below on each first address, and on the second from the moment
        that the first takes no more connections, as behind a balancer:
        {"kept alive to FIRST": {"answered": [N, N], "failed": ["why", ...]}, ...}
"""

import http.client
import json
import sys
import threading
import time

import callers

# A caller who has time: a busy machine must not look like a failure.
HEADERS = {"weir-budget-ms": "9000"}


def get(host, port, path):
    connection = http.client.HTTPConnection(host, int(port), timeout=20)
    connection.request("GET", path, headers=HEADERS)
    response = connection.getresponse()
    return {"status": response.status, "body": response.read().decode()}


def balancers(words):
    """Lists of two addresses."""
    addresses = [(host, int(port)) for host, port in zip(words[::2], words[1::2])]
    return [addresses[at:at + 2] for at in range(0, len(addresses), 2)]


def load(seconds, *words):
    end = time.monotonic() + float(seconds)
    seen, threads = {}, []
    for addresses in balancers(words):
        for kind, (caller, count) in callers.KINDS.items():
            name = f"{kind} to {addresses[0][0]}"
            one_kind = [caller(number, addresses, HEADERS) for number in range(count)]
            seen[name] = one_kind
            threads += [threading.Thread(target=one.run, args=(end,)) for one in one_kind]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {name: {"answered": [sum(column) for column in zip(*(one.answered for one in them))],
                   "failed": [why for one in them for why in one.failed]}
            for name, them in seen.items()}


if __name__ == "__main__":
    print(json.dumps({"get": get, "load": load}[sys.argv[1]](*sys.argv[2:])))
