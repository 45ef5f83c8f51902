"""Users: each asks once, on schedule, whether or not those before were answered."""

import asyncio
import time
from dataclasses import dataclass

_REQUEST = ("GET /buy/{user} HTTP/1.1\r\nHost: {host}\r\n"
            "traceparent: 00-{trace:032x}-{span:016x}-01\r\n\r\n")


@dataclass
class User:
    number: int
    due: float  # seconds after the start; all other times too
    leaves: bool  # hangs up before an answer can be there
    asked: float = 0.0
    ended: float = 0.0
    status: int = 0  # of the answer that was read whole; 0: none in time

    @property
    def answered(self):
        return 200 <= self.status < 300

    @property
    def seconds(self):
        return self.ended - self.asked


async def _ask(port, text):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(text.encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        length = head.partition("content-length:")[2].partition("\r\n")[0].strip()
        await (reader.readexactly(int(length)) if length else reader.read())
        return int(head.split(" ", 2)[1])
    finally:
        writer.close()


async def _be(user, mesh, start, tries):
    scenario = mesh.scenario
    user.asked = time.monotonic() - start
    wait = (scenario.leaving_after_ms if user.leaves else scenario.user_timeout_ms) / 1000
    for number in range(tries):
        text = _REQUEST.format(user=user.number, host="web", trace=0xABCD << 64 | user.number,
                               span=user.number * 16 + number + 1)
        try:
            async with asyncio.timeout(wait):
                user.status = await _ask(mesh.entry, text)
        except (OSError, asyncio.IncompleteReadError, ValueError):
            user.status = 0  # TimeoutError is an OSError
        if user.answered or user.leaves:
            break
    user.ended = time.monotonic() - start


async def load(mesh, start, tries):
    """All users of the scenario, in the order in which they came."""
    scenario = mesh.scenario
    users, running = [], []
    for number in range(round(scenario.rate * scenario.seconds)):
        due = number / scenario.rate
        leaves = int((number + 1) * scenario.leaving) > int(number * scenario.leaving)
        user = User(number, due, leaves)
        ahead = due - (time.monotonic() - start)
        if ahead > 0:
            await asyncio.sleep(ahead)
        users.append(user)
        running.append(asyncio.create_task(_be(user, mesh, start, tries)))
    await asyncio.gather(*running)
    return users
