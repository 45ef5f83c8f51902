"""Promise: an attack over HTTP/2 costs little, ends with its connection, and harms nobody beside it."""

import re
import socket
import threading
from dataclasses import dataclass
from pathlib import Path

import h2_attacker as attacks
from h2_mesh import HTTP1, HTTP2, MIB, Http2Test
from h2_wire import (CONTINUATION, END_STREAM, ENHANCE_YOUR_CALM, HEADERS, INITIAL_WINDOW_SIZE,
                     PREFACE, Client, block, frame, literal, request_fields, settings_frame)
from mesh import Watch
from processes import family, wait_until

# Connections that attack, one after the other.
ATTACKERS = 3
# An attack may cost, for each of its connections, as much CPU as so many served requests, and
# make the origin see so many; an attack that nobody stops is attacks.UNITS long.
SERVED_REQUESTS = 3000
ORIGIN_CALLS = 1500
# What weir may grow by while ATTACKERS attack one after the other.
GROWTH = 12 * MIB

# What a stream that its caller does not read may hold, on its way from one side to the other.
STALLED_STREAM = 256 * 1024

FLOODS = "weir_downstream_floods_total"


def cpu_nanoseconds(pid):
    """On the processor, of all threads: finer than the ticks of /proc/PID/stat."""
    total = 0
    for member in family(pid):
        for task in Path(f"/proc/{member}/task").iterdir():
            try:
                total += int((task / "schedstat").read_text().split()[0])
            except OSError:
                pass  # the thread has ended
    return total


class Neighbour:
    """Somebody who behaves, over one connection all the time. Use as a context manager."""

    def __init__(self, port):
        self.port = port
        self.served = 0
        self.failed = {}  # what came in place of 200: how often
        self.problem = None
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self):
        try:
            with Client(self.port, timeout=5) as client:
                while not self._end.is_set():
                    answer = client.request(path="/neighbour")
                    if answer.status == 200:
                        self.served += 1
                    else:
                        why = (answer.status, answer.header("proxy-status"), answer.reset)
                        self.failed[why] = self.failed.get(why, 0) + 1
        except Exception as problem:  # told by the test
            self.problem = problem

    def __enter__(self):
        self._thread.start()
        wait_until(lambda: self.served > 10 or self.problem, what="the neighbour to be served")
        return self

    def __exit__(self, *_):
        self._end.set()
        self._thread.join()


@dataclass
class Played:
    verdicts: list
    cost: float  # CPU in units of a served request, the neighbour's not counted
    growth: int  # bytes
    calls: int  # that the origin saw, the neighbour's not counted
    neighbour: Neighbour


class Attacked(Http2Test):
    def mesh(self, upstream=HTTP1, **sections):
        h1 = upstream["protocol"] == "http/1.1"
        self.a = self.instance() if h1 else self.origin("a")
        endpoint = self.a if h1 else self.a.address
        # Resets of calls in flight close HTTP/1.1 connections, and make the accept queue of a slow
        # origin run over: whoever is turned away there comes back after a second.
        return self.weir([endpoint], {"connect_timeout": "4s", **upstream}, **sections)

    def price(self, weir):
        """CPU nanoseconds of one served request."""
        with Client(weir.port) as client:
            client.request()
            before = cpu_nanoseconds(weir.process.pid)
            for _ in range(300):
                self.assertEqual(client.request().status, 200)
            return (cpu_nanoseconds(weir.process.pid) - before) / 300

    def play(self, weir, attack, **options):
        price = self.price(weir)
        self.a.clear()
        pid, base = weir.process.pid, weir.resident()
        with Watch(weir.resident) as resident, Neighbour(weir.port) as neighbour:
            before, served = cpu_nanoseconds(pid), neighbour.served
            verdicts = [attacks.play(weir.port, attack, **options) for _ in range(ATTACKERS)]
            cost = (cpu_nanoseconds(pid) - before) / price - (neighbour.served - served)
            wait_until(lambda: neighbour.served > served + 20 or neighbour.problem,
                       what="the neighbour to be served afterwards")
        calls = sum(1 for call in self.a.calls() if self.target(call) != "/neighbour")
        return Played(verdicts, cost, resident.largest - base, calls, neighbour)

    def floods(self, weir, count):
        """{reason: connections} once so many have been counted."""
        weir.expect_metric(count, FLOODS)
        found = re.findall(FLOODS + r'\{.*reason="(\w+)".*\} (\d+)', weir.admin("/metrics").text)
        return {reason: int(number) for reason, number in found if int(number)}

    def target(self, call):
        return call["target"] if isinstance(call, dict) else call.path

    def bounded(self, weir, played):
        """What holds for every attack."""
        self.assertEqual((played.neighbour.problem, played.neighbour.failed), (None, {}))
        self.assertLess(played.cost, ATTACKERS * SERVED_REQUESTS)
        self.assertLess(played.growth, GROWTH)
        self.assertLess(played.calls, ATTACKERS * ORIGIN_CALLS)
        self.assertTrue(weir.process.running())


class Attacks(Attacked):
    """Attacks that send as much as they can."""

    def calmed(self, attack, kind, upstream=HTTP1, **options):
        """Each connection of the attack ends with ENHANCE_YOUR_CALM and is counted."""
        weir = self.mesh(upstream)
        played = self.play(weir, attack, **options)
        for verdict in played.verdicts:
            self.assertEqual((verdict.closed, verdict.code), (True, ENHANCE_YOUR_CALM), verdict)
            self.assertLess(verdict.units, attacks.UNITS)
        self.bounded(weir, played)
        kinds = (kind,) if isinstance(kind, str) else kind
        floods = self.floods(weir, ATTACKERS)
        self.assertLessEqual(set(floods), set(kinds))
        self.assertEqual(sum(floods.values()), ATTACKERS)
        weir.expect_metric(0, "weir_exchanges_in_flight")

    def ended(self, attack):
        """Each connection ends: as a flood of resets, or at once because nghttp2 goes by the
        letter of RFC 9113 where that permits an error of the connection."""
        weir = self.mesh()
        played = self.play(weir, attack)
        for verdict in played.verdicts:
            self.assertTrue(verdict.closed, verdict)
            if verdict.code != ENHANCE_YOUR_CALM:
                self.assertLessEqual(verdict.units, attacks.BURST)
        self.bounded(weir, played)
        calm = sum(verdict.code == ENHANCE_YOUR_CALM for verdict in played.verdicts)
        self.assertEqual(self.floods(weir, calm), {"provoked_resets": calm} if calm else {})
        weir.expect_metric(0, "weir_exchanges_in_flight")

    def test_rapid_reset(self):
        self.calmed(attacks.rapid_reset, "resets")

    def test_rapid_reset_of_calls_in_flight(self):
        self.calmed(attacks.rapid_reset_in_flight, "resets")

    def test_rapid_reset_of_calls_in_flight_over_http_2(self):
        self.calmed(attacks.rapid_reset_in_flight, "resets", HTTP2)

    def test_provoked_by_a_window_of_nothing(self):
        self.ended(attacks.window_of_nothing)

    def test_provoked_by_a_window_overflow(self):
        self.calmed(attacks.window_overflow, "window_updates")

    def test_provoked_by_data_after_the_end(self):
        self.ended(attacks.data_after_the_end)

    def test_provoked_by_a_head_after_the_end(self):
        self.ended(attacks.head_after_the_end)

    def test_provoked_by_a_priority_of_wrong_length(self):
        self.ended(attacks.priority_of_wrong_length)

    def test_provoked_by_a_priority_on_itself(self):
        """Priorities may be ignored (RFC 9113, 5.3.2); then these are a flood of requests and
        of PRIORITY, and only bounded by what they are."""
        weir = self.mesh()
        played = self.play(weir, attacks.priority_on_itself, units=5000)
        self.bounded(weir, played)

    def test_provoked_by_a_body_longer_than_its_length(self):
        """Their exchanges end later than their streams: the next ones may be refused meanwhile."""
        self.calmed(attacks.body_longer_than_its_length, ("provoked_resets", "resets"))

    def test_provoked_by_malformed_heads(self):
        self.calmed(attacks.malformed_heads, "provoked_resets")

    def test_empty_heads(self):
        self.calmed(attacks.empty_heads, "empty_frames")

    def test_continuations(self):
        self.calmed(attacks.continuations, "continuations", burst=16)

    def test_empty_continuations(self):
        self.calmed(attacks.empty_continuations, "continuations", burst=16)

    def test_hpack_bomb(self):
        self.calmed(attacks.hpack_bomb, "header_bytes", burst=1, units=200)

    def test_settings(self):
        self.calmed(attacks.settings, "settings")

    def test_pings(self):
        self.calmed(attacks.pings, "pings")

    def test_priorities(self):
        self.calmed(attacks.priorities, "priorities")

    def test_empty_data(self):
        self.calmed(attacks.empty_data, "empty_frames")

    def test_padding_alone(self):
        self.calmed(attacks.padding_alone, "empty_frames")

    def test_window_updates(self):
        self.calmed(attacks.window_updates, "window_updates")

    def test_unknown_frames(self):
        self.calmed(attacks.unknown_frames, "unknown_frames")

    def test_tiny_windows(self):
        self.calmed(attacks.tiny_windows, "window_updates", settings={INITIAL_WINDOW_SIZE: 1})


class Silence(Attacked):
    """Attacks that hold things and send next to nothing."""

    def test_pings_whose_answers_are_never_read(self):
        weir = self.mesh()
        base = weir.resident()
        with Watch(weir.resident) as resident, Neighbour(weir.port) as neighbour:
            with Client(weir.port, windows="kept", timeout=1) as client, self.assertRaises(OSError):
                # Until it is closed, or not read any more. What still comes after the GOAWAY is
                # thrown away for a while, so that a RST does not overtake the GOAWAY.
                while True:
                    client.send(frame(6, payload=b"unread!!") * 1000)
        self.assertEqual((neighbour.problem, neighbour.failed), (None, {}))
        self.assertEqual(self.floods(weir, 1), {"pings": 1})
        self.assertLess(resident.largest - base, GROWTH)

    def test_window_stall(self):
        """Large answers for which the window is never opened. They are held for as long as their
        budget lasts, and no more of them than a connection has streams."""
        for upstream in (HTTP1, HTTP2):
            with self.subTest(upstream["protocol"]):
                weir = self.mesh({**upstream, "connect_timeout": "1s"}, outbound={
                    # Those that come too late get a 504, whose text then waits for a window too.
                    "limits": {"streams": 100, "body_timeout": "1s"},
                    "budget": {"default": "1500ms", "maximum": "2s"}})
                weir.request()
                base = weir.resident()
                with Watch(weir.resident) as resident, Neighbour(weir.port) as neighbour:
                    clients = [Client(weir.port, {INITIAL_WINDOW_SIZE: 0}) for _ in range(4)]
                    for client in clients:
                        for _ in range(100):
                            client.open(path="/bytes/400000")
                    for client in clients:
                        client.until(lambda: client.closed or all(
                            one.finished for one in client.responses.values()))
                        self.assertFalse(any(one.ended for one in client.responses.values()))
                        client.socket.close()
                    wait_until(lambda: weir.metric("weir_exchanges_in_flight") <= 1, 5,
                               "the stalled exchanges to end")
                self.assertEqual((neighbour.problem, neighbour.failed), (None, {}))
                self.assertLess(resident.largest - base, 400 * STALLED_STREAM)

    def test_finished_answers_without_a_window(self):
        """The upstream has long been done; small answers wait for a window that never opens, and
        no budget ends them any more."""
        weir = self.mesh(outbound={"limits": {"body_timeout": "500ms"}})
        with Neighbour(weir.port) as neighbour:
            for _ in range(ATTACKERS):
                with Client(weir.port, {INITIAL_WINDOW_SIZE: 0}) as client:
                    for _ in range(100):
                        client.open(path="/bytes/100")
                    self.assertEqual(client.until_closed(), ENHANCE_YOUR_CALM)
        self.assertEqual((neighbour.problem, neighbour.failed), (None, {}))
        self.assertEqual(self.floods(weir, ATTACKERS), {"window_stall": ATTACKERS})
        weir.expect_metric(0, "weir_exchanges_in_flight")

    def test_head_that_comes_slowly(self):
        weir = self.mesh(outbound={"limits": {"header_timeout": "300ms"}})
        starts = {
            "HEADERS alone": frame(HEADERS, END_STREAM, 1, block(request_fields())),
            "a CONTINUATION": frame(HEADERS, END_STREAM, 1, block(request_fields()))
                              + frame(CONTINUATION, 0, 1, literal("x", "y")),
            "half a HEADERS": frame(HEADERS, END_STREAM, 1, block(request_fields()))[:20],
        }
        with Neighbour(weir.port) as neighbour:
            for name, data in starts.items():
                with self.subTest(name), Client(weir.port, timeout=5) as client:
                    client.send(data)
                    client.until_closed()
        self.assertEqual((neighbour.problem, neighbour.failed), (None, {}))
        self.assertEqual([call for call in self.a.calls() if call["target"] == "/"], [])

    def test_thousands_of_half_prefaces(self):
        count = 3000
        weir = self.mesh(outbound={"limits": {"header_timeout": "1s"}})
        base, descriptors = weir.resident(), weir.descriptors()
        half = (PREFACE + settings_frame())[:20]
        with Watch(weir.resident) as resident, Neighbour(weir.port) as neighbour:
            sockets = []
            try:
                for _ in range(count):
                    sockets.append(socket.create_connection(("127.0.0.1", weir.port)))
                    sockets[-1].sendall(half)
                for one in sockets:
                    one.settimeout(10)
                    try:
                        while one.recv(4096):
                            pass
                    except ConnectionResetError:
                        pass
            finally:
                for one in sockets:
                    one.close()
            wait_until(lambda: weir.descriptors() <= descriptors + 4, what="the descriptors")
        self.assertEqual((neighbour.problem, neighbour.failed), (None, {}))
        self.assertLess(resident.largest - base, count * 16 * 1024)

    def test_streams_beyond_the_limit_are_refused(self):
        weir = self.mesh(outbound={"limits": {"streams": 10}})
        with Client(weir.port) as client:
            streams = [client.open(path="/slow/20000") for _ in range(30)]
            client.until(lambda: sum(client.responses[one].finished for one in streams) == 20)
            self.assertEqual({client.responses[one].reset for one in streams[10:]}, {7})
        self.assertLessEqual(self.a.count(), 10)
