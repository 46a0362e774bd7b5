"""Imports run one way, at the top of a file."""

import ast
import sys
from pathlib import Path

import pytest
from support import ROOT

ROOMS = {path.stem: ast.parse(path.read_text()) for path in (ROOT / "dashboard").glob("*.py")}

# Each may import only what stands on an earlier line, or what it names here itself.
LEVELS = (
    {"jobs", "queue", "config", "compiled", "answers", "current", "matching"},
    {"postgresql"},
    {"models"},
    {"connections", "deadline"},
    {"usable"},
    {"turns"},
    {"writers"},
    {"transactions"},
    {"store"},
    {"migrate", "service", "listing", "attempts", "sessions"},
    {"schemas", "formats", "security", "assets"},
    {"endpoint", "forms"},
    {"access"},
    {"loaders"},
    {"pages"},
    {"fragments"},
    {"errors", "health", "openapi", "api", "cli"},
    {"__init__"},
)
STANDARD_ONLY = {"jobs", "queue", "config"}


def imported(tree: ast.Module) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "dashboard":
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("dashboard."):
            names.add((node.module or "").split(".")[1])
    return names


def test_every_room_has_its_level() -> None:
    assert set(ROOMS) == set.union(*LEVELS)


@pytest.mark.parametrize("room", sorted(ROOMS))
def test_a_room_imports_only_from_below(room: str) -> None:
    below: set[str] = set()
    for level in LEVELS:
        if room in level:
            break
        below |= level
    assert imported(ROOMS[room]) <= below


def test_only_the_rooms_of_the_store_know_sql() -> None:
    statements = {"select", "insert", "update", "delete", "text", "func"}
    knowing = {
        room
        for room, tree in ROOMS.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "sqlalchemy"
        if statements & {alias.name for alias in node.names}
    }
    assert knowing == {"models", "store", "listing", "attempts", "sessions", "migrate"}


@pytest.mark.parametrize("room", sorted(STANDARD_ONLY))
def test_the_rules_need_nothing_but_the_standard_library(room: str) -> None:
    modules = {
        name.split(".")[0]
        for node in ast.walk(ROOMS[room])
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert modules <= sys.stdlib_module_names


@pytest.mark.parametrize("path", sorted((ROOT / "dashboard").rglob("*.py")), ids=lambda path: path.stem)
def test_no_import_hides_in_a_function(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert not [inner for inner in ast.walk(node) if isinstance(inner, ast.Import | ast.ImportFrom)]
