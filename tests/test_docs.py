"""The README says what is so."""

import re
import tomllib
from collections.abc import Iterator

from flask import Flask

from dashboard import __version__
from dashboard.api.openapi import document
from dashboard.core.transitions import TRANSITIONS
from tests.support.server import ROOT

README = (ROOT / "README.md").read_text()


def table(heading: str) -> Iterator[list[str]]:
    """The rows of the first table under a heading, without their backticks."""
    section = README.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    for line in section.splitlines():
        if line.startswith("|") and not line.startswith("|---"):
            yield [cell.strip().replace("`", "") for cell in line.strip("|").split("|")]


def test_the_table_of_a_jobs_life_is_that_of_the_code() -> None:
    assert list(table("A job's life"))[1:] == [
        [action, " or ".join(rule.sources), rule.target] for action, rule in TRANSITIONS.items()
    ]


def test_every_setting_that_the_code_reads_is_in_the_table_and_no_other() -> None:
    told = {row[0] for row in list(table("Settings"))[1:]}
    code = (ROOT / "dashboard" / "config.py").read_text() + (ROOT / "gunicorn.conf.py").read_text()
    read = set(re.findall(r"environ(?:\.get\(|\[|, )['\"]([A-Z_]+)", code))
    assert told == read


def test_the_table_of_calls_is_that_of_the_routes(app: Flask) -> None:
    told = {tuple(row[0].split()) for row in list(table("The API by curl"))[1:]}
    paths = document(app)["paths"]
    assert told == {(method.upper(), path) for path, operations in paths.items() for method in operations}


def test_the_version_stands_in_the_package_alone(app: Flask) -> None:
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dynamic"] == ["version"]
    assert document(app)["info"]["version"] == __version__


def test_what_is_vendored_has_its_version_in_its_name_and_its_licence_beside_it() -> None:
    own = {"app.css", "app.js", "icon.svg"}
    vendored = {path.name for path in (ROOT / "static").iterdir()} - own
    libraries = {re.match(r"[a-z-]+-\d+\.\d+\.\d+", name).group() for name in vendored}  # type: ignore[union-attr]
    assert libraries == {"htmx-4.0.1", "swagger-ui-5.35.0"}
    assert {f"{library}.LICENSE.txt" for library in libraries} <= vendored
    for library in libraries:
        name, _, version = library.rpartition("-")
        assert re.search(rf"{name}[a-z-]* {re.escape(version)}", README.replace("\n", " "))


def test_pictures_and_files_that_the_readme_names_are_there() -> None:
    for name in re.findall(r'(?:srcset|src)="([^"]+)"', README):
        assert (ROOT / name).stat().st_size < 200_000
