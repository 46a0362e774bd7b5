"""Conversations with servers by raw sockets: what one connection says next may depend on what it was answered."""

import re
import socket
from collections.abc import Generator, Sequence
from itertools import cycle
from selectors import EVENT_READ, DefaultSelector
from time import perf_counter
from typing import NamedTuple

from bench.measure import BenchError

PATIENCE = 60  # seconds without any answer


class Request(NamedTuple):
    method: str
    path: str
    body: str = ""  # JSON
    tag: str = ""  # for If-None-Match

    def encode(self) -> bytes:
        tag = f"If-None-Match: {self.tag}\r\n" if self.tag else ""
        body = f"Content-Type: application/json\r\nContent-Length: {len(self.body.encode())}\r\n" if self.body else ""
        return f"{self.method} {self.path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{tag}{body}\r\n{self.body}".encode()


class Answer(NamedTuple):
    status: int
    body: bytes
    tag: str = ""  # the ETag


Talk = Generator[bytes, Answer, None]  # says requests, hears answers


def check(answer: Answer) -> Answer:
    """The answer, unless it is a refusal: a rate of refusals is no rate."""
    if not (200 <= answer.status < 300 or answer.status == 304):
        raise BenchError(f"an answer has the status {answer.status}: {answer.body[:200].decode(errors='replace')}")
    return answer


class Heard(NamedTuple):
    """What came of conversations: how long each answer took, and all of it, in seconds."""

    times: list[float]
    seconds: float


def converse(ports: Sequence[int], talks: Sequence[Talk], seconds: float) -> Heard:
    """Hold each conversation on a connection of its own, spread over the ports; every last answer is waited for."""
    times: list[float] = []
    with DefaultSelector() as selector:
        lines = [(Line(port), talk) for port, talk in zip(cycle(ports), talks, strict=False)]
        began = now = perf_counter()
        for line, talk in lines:
            selector.register(line.socket, EVENT_READ, (line, talk))
            line.say(next(talk))
        while selector.get_map():
            if not (ready := selector.select(PATIENCE)):
                raise BenchError(f"no answer for {PATIENCE} s")
            for key, _ in ready:
                line, talk = key.data
                if (answer := line.hear()) is None:
                    continue
                now = perf_counter()
                times.append(now - line.said_at)
                request = talk.send(answer)
                if now - began < seconds:
                    line.say(request)
                else:
                    selector.unregister(line.socket)
                    line.socket.close()
    return Heard(times, now - began)


class Line:
    """One connection."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.heard = b""

    def say(self, request: bytes) -> None:
        self.said_at = perf_counter()
        self.socket.sendall(request)

    def answer(self) -> Answer:
        """Wait for the answer."""
        while (answer := self.hear()) is None:
            pass
        return answer

    def hear(self) -> Answer | None:
        """The answer, once it is here as a whole."""
        part = self.socket.recv(65_536)
        if not part:
            raise BenchError("the server closed a connection")
        self.heard += part
        head, end, body = self.heard.partition(b"\r\n\r\n")
        if not end:
            return None
        status, length = int(head[9:12]), _LENGTH.search(head)
        if length is None and status != 304:
            raise BenchError("an answer does not tell its length")
        if length and len(body) < int(length[1]):
            return None
        self.heard = b""
        tag = _TAG.search(head)
        return Answer(status, body, tag[1].decode() if tag else "")


_TAG = re.compile(rb"(?i)\r\netag: *([^\r]+)")
_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
