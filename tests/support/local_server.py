"""A small HTTP server in a thread: a function answers each request, or drops it. One of them is a bad proxy."""

import http.client
import json
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from types import TracebackType
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit


class Asked(NamedTuple):
    """A request."""

    method: str
    target: str  # path and query
    headers: dict[str, str]  # their names in lower case
    text: bytes
    client: tuple[str, int]  # the address of the connection's other end

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.target).query)

    @property
    def body(self) -> Any:
        return json.loads(self.text)

    @property
    def key(self) -> str:
        return self.headers["idempotency-key"]


class Reply(NamedTuple):
    status: int
    text: bytes
    kind: str = "application/json"
    cut: int | None = None  # the connection is closed after so many bytes of the body
    retry_after: str = ""


Answer = Callable[[Asked], Reply | None]  # None: the connection is closed without an answer


def reply(value: Any, status: int = 200) -> Reply:
    return Reply(status, json.dumps(value).encode())


class LocalServer:
    """It listens on loopback from the beginning to the end of the block."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._ended = threading.Event()
        self.asked: list[Asked] = []
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._http.daemon_threads = True
        self._http.block_on_close = False
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05})
        self.url = f"http://127.0.0.1:{self._http.server_port}"

    def __enter__(self) -> "LocalServer":
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, traceback: TracebackType | None) -> None:
        self._ended.set()
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    def pause(self, seconds: float) -> bool:
        """Before an answer; not beyond the end of the block, and whether that has come."""
        return self._ended.wait(seconds)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 30

            def handle_any(self) -> None:
                text = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                asked = Asked(self.command, self.path, headers, text, self.client_address)
                server.asked.append(asked)
                reply = server._answer(asked)
                if reply is None:
                    self.close_connection = True
                    return
                self.send_response(reply.status)
                self.send_header("Content-Type", reply.kind)
                self.send_header("Content-Length", str(len(reply.text)))
                if reply.retry_after:
                    self.send_header("Retry-After", reply.retry_after)
                self.end_headers()
                self.wfile.write(reply.text[: reply.cut])
                self.close_connection = self.close_connection or reply.cut is not None

            do_GET = do_POST = handle_any  # noqa: N815

            def handle(self) -> None:
                with suppress(ConnectionError):  # the client has gone
                    super().handle()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                pass

        return Handler


class BadProxy(LocalServer):
    """It passes requests on, and cuts, delays, repeats and drops a share of them and of their answers."""

    def __init__(self, port: int, share: float = 0.2) -> None:
        seed = Random().randrange(10**6)
        print(f"a bad proxy with the seed {seed}")
        self._rng = Random(seed)
        self._port, self._share = port, share
        self.faults: Counter[str] = Counter()
        super().__init__(self._pass_on)

    def _pass_on(self, asked: Asked) -> Reply | None:
        fault = self._fault()
        self.faults[fault] += 1
        if fault == "the request is dropped":
            return None
        if fault == "the request is delayed":
            self.pause(0.3)
        if fault == "the request is repeated":
            self._forward(asked)
        if fault == "busy":
            return reply({"detail": "The proxy is busy"}, 503)
        answer = self._forward(asked)
        if answer is None or fault == "the answer is dropped":
            return None
        if fault == "the answer is delayed":
            self.pause(0.3)
        return answer._replace(cut=len(answer.text) // 2) if fault == "the answer is cut" else answer

    def _fault(self) -> str:
        if self._rng.random() >= self._share:
            return "none"
        parts = [f"the {part} is {what}" for part in ("request", "answer") for what in ("dropped", "delayed")]
        return self._rng.choice([*parts, "the request is repeated", "the answer is cut", "busy"])

    def _forward(self, asked: Asked) -> Reply | None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        try:
            passed = {name: value for name, value in asked.headers.items() if name != "connection"}
            connection.request(asked.method, asked.target, asked.text or None, passed)
            answer = connection.getresponse()
            return Reply(answer.status, answer.read(), answer.headers["Content-Type"])
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()
