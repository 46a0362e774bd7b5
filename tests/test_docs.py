"""What the documents say is what the code does, wherever a test can compare them."""

import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from dashboard import __version__
from dashboard.api.openapi import document
from dashboard.config import Settings
from dashboard.core.transitions import TRANSITIONS
from tests.support.app import MakeApp
from tests.support.server import ROOT

DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
DASHBOARD = ROOT / "dashboard"
LINE_MAX = 1_000  # characters of a file that people wrote; minified ones have more
README, CONTRIBUTING, ARCHITECTURE, CHANGELOG = (
    (ROOT / name).read_text() for name in ("README.md", "CONTRIBUTING.md", "docs/architecture.md", "CHANGELOG.md")
)


@pytest.fixture
def sqlite_app(make_app: MakeApp, sqlite_url: str) -> Flask:
    return make_app(sqlite_url)


def section(text: str, heading: str) -> str:
    return text.split(f"\n## {heading}\n")[1].split("\n## ")[0]


def table(text: str, heading: str) -> list[list[str]]:
    """The rows of the first table under a heading, without its head and without backticks."""
    lines = section(text, heading).splitlines()
    first = next(place for place, line in enumerate(lines) if line.startswith("|---"))
    rows = []
    for line in lines[first + 1 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip().replace("`", "") for cell in line.strip("|").split("|")])
    return rows


def block(text: str, heading: str) -> list[str]:
    """The lines of the first code block under a heading."""
    return section(text, heading).split("```")[1].splitlines()[1:]


# The README


def test_the_table_of_a_jobs_life_is_that_of_the_code() -> None:
    assert table(README, "A job's life") == [
        [action, " or ".join(rule.sources), rule.target] for action, rule in TRANSITIONS.items()
    ]


def test_the_table_of_settings_has_every_setting_that_the_code_reads_and_no_other() -> None:
    code = (DASHBOARD / "config.py").read_text() + (ROOT / "gunicorn.conf.py").read_text()
    read = set(re.findall(r"environ(?:\.get\(|\[|, )['\"]([A-Z_]+)", code))
    assert {row[0] for row in table(README, "Settings")} == read


def test_the_defaults_in_the_table_of_settings_are_those_of_the_code() -> None:
    literals = dict(re.findall(r"^\| `([A-Z_]+)` \| `([^`]+)` \|", section(README, "Settings"), re.MULTILINE))
    assert "DATABASE_URL" in literals
    assert Settings.from_environ(literals) == Settings.from_environ({})


def test_the_table_of_calls_is_that_of_the_routes(sqlite_app: Flask) -> None:
    paths = document(sqlite_app)["paths"]
    assert {tuple(row[0].split()) for row in table(README, "The API by curl")} == {
        (method.upper(), path) for path, operations in paths.items() for method in operations
    }


def test_a_vendored_library_has_its_licence_beside_it_and_its_version_in_the_readme() -> None:
    libraries = set()
    for path in [file for folder in ("static", "tests/vendor") for file in (ROOT / folder).rglob("*.*")]:
        if match := re.match(r"([a-z-]+)-(\d+\.\d+\.\d+)\.", path.name):
            libraries.add((path.parent, match[1], match[2]))
        else:
            assert max(map(len, path.read_text().splitlines())) < LINE_MAX, f"{path} is vendored, but has no version"
    assert {name for _, name, _ in libraries} >= {"htmx", "axe"}
    for folder, name, version in libraries:
        assert (folder / f"{name}-{version}.LICENSE.txt").exists()
        assert re.search(rf"{name}[a-z-]* {re.escape(version)}", " ".join(README.split()))


def test_the_pictures_of_the_readme_exist_and_are_small() -> None:
    pictures = re.findall(r'(?:srcset|src)="([^"]+)"', README)
    assert pictures
    for name in pictures:
        assert (ROOT / name).stat().st_size < 200_000


# The architecture


def test_the_tree_is_that_of_the_folders() -> None:
    told, there = set(tree()), set(modules(DASHBOARD))
    assert sorted(there - told) == [], "docs/architecture.md lacks these"
    assert sorted(told - there) == [], "docs/architecture.md has these, the folders do not"


def tree() -> Iterator[str]:
    """The paths of the drawn tree, below dashboard/."""
    folders: list[str] = []
    for line in block(ARCHITECTURE, "The tree")[1:]:
        indent, name = re.match(r"( *)(\S+)", line).groups()  # type: ignore[union-attr]
        folders[len(indent) // 2 - 1 :] = [name]
        yield "".join(folders)


def modules(folder: Path) -> Iterator[str]:
    """The modules and packages below a folder; of the migrations the folder alone."""
    for path in folder.iterdir():
        name = path.relative_to(DASHBOARD).as_posix()
        if path.is_dir() and path.name != "__pycache__":
            yield f"{name}/"
            if path.name != "migrations":
                yield from modules(path)
        elif path.suffix == ".py" and path.name != "__init__.py":
            yield name


def test_the_rule_names_every_package_once() -> None:
    rule = re.findall(r"\w+", block(ARCHITECTURE, "The one rule")[0])
    packages = {name.strip("/") for name in modules(DASHBOARD) if name.count("/") == 1 and name.endswith("/")}
    assert sorted(rule) == sorted({*packages, "app"})


def test_the_drawing_of_the_state_machine_is_the_table_of_transitions() -> None:
    drawn = re.findall(r"^ +([A-Z]+) --> ([A-Z]+): (\w+)$", section(ARCHITECTURE, "The state machine"), re.MULTILINE)
    assert sorted(drawn) == sorted(
        (source, rule.target, action) for action, rule in TRANSITIONS.items() for source in rule.sources
    )


# Reliability


def test_the_tests_that_show_what_is_promised_exist() -> None:
    rows = table((ROOT / "docs/reliability.md").read_text(), "Faults and promises")
    for *_, shown in rows:
        path, _, name = shown.partition("::")
        assert f"\ndef {name}(" in (ROOT / path).read_text(), shown


# Contributing, and releases


def test_the_table_of_commands_is_that_of_run_help() -> None:
    printed = subprocess.run([ROOT / "run", "help"], capture_output=True, text=True, check=True).stdout
    commands = {re.split(r"  +", line)[0] for line in printed.splitlines()}
    assert {row[0] for row in table(CONTRIBUTING, "Set-up")} == commands


def test_the_version_is_in_the_package_alone(sqlite_app: Flask) -> None:
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dynamic"] == ["version"]
    assert document(sqlite_app)["info"]["version"] == __version__


def test_the_changelog_begins_with_this_version() -> None:
    assert re.findall(r"^## \[(\d.*?)\] - \d{4}-\d\d-\d\d$", CHANGELOG, re.MULTILINE)[0] == __version__


# All documents


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_leads_to_a_file_or_a_heading(path: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", path.read_text()):
        if re.match(r"\w+:", target):
            continue  # another site
        name, _, anchor = target.partition("#")
        file = path.parent / name if name else path
        assert file.is_file(), target
        assert not anchor or anchor in anchors(file), target


def anchors(file: Path) -> set[str]:
    """The anchors that GitHub gives to the headings of a file."""
    headings = re.findall(r"^#+ (.+)$", file.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_file_that_a_document_names_exists(path: Path) -> None:
    folders = "dashboard|templates|static|tests|bench|docs"
    for name in re.findall(rf"`((?:{folders})/[\w./-]*)`", path.read_text()):
        assert (ROOT / name).exists(), name
