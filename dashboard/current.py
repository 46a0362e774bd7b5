"""The application and the request at hand themselves: Flask's proxies for them cost three calls at each use."""

from typing import cast

from flask import Flask, Request, current_app, request


def this_app() -> Flask:
    return cast(Flask, current_app._get_current_object())  # type: ignore[attr-defined]


def this_request() -> Request:
    return cast(Request, request._get_current_object())  # type: ignore[attr-defined]
