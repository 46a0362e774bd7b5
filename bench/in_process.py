"""A dashboard application in this process, asked by plain WSGI calls: a test client costs more than a request."""

import io
import sys
from typing import Any

from bench.talk import Answer, Request, check
from dashboard.app import create_app
from dashboard.database import engine


class App:
    def __init__(self, url: str) -> None:
        self.flask = create_app({"DATABASE_URL": url})

    def ask(self, request: Request) -> Answer:
        body = request.body.encode()
        path, _, query = request.path.partition("?")
        environ: dict[str, Any] = {
            "REQUEST_METHOD": request.method,
            "SCRIPT_NAME": "",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "HTTP_HOST": "127.0.0.1",
            "REMOTE_ADDR": "127.0.0.1",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(body),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": True,
            "wsgi.run_once": False,
        }
        if body:
            environ |= {"CONTENT_TYPE": "application/json", "CONTENT_LENGTH": str(len(body))}
        if request.tag:
            environ["HTTP_IF_NONE_MATCH"] = request.tag
        parts: Any = self.flask.wsgi_app(environ, self._start_response)
        try:
            return Answer(self.status, b"".join(parts))
        finally:
            getattr(parts, "close", lambda: None)()  # which WSGI leaves to the answer

    def _start_response(self, status: str, headers: list[tuple[str, str]], _error: object = None) -> Any:
        self.status, self.headers = int(status[:3]), headers

    def tag(self, path: str) -> str:
        """The ETag of what is there now."""
        check(self.ask(Request("GET", path)))
        return dict(self.headers)["ETag"]

    def close(self) -> None:
        with self.flask.app_context():
            engine.dispose()
