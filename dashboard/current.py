"""The application and the request at hand themselves: Flask's proxies for them cost three calls at each use."""

from flask import Flask, Request, current_app, request


def this_app() -> Flask:
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    return app


def this_request() -> Request:
    asked: Request = request._get_current_object()  # type: ignore[attr-defined]
    return asked
