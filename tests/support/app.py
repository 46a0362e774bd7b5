"""The application in the test's own process."""

from collections.abc import Callable

from flask import Flask

from dashboard.database import engine

MakeApp = Callable[..., Flask]


def dispose(app: Flask) -> None:
    with app.app_context():
        engine.dispose()
