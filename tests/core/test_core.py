"""The rules need nothing but Python."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dashboard import core

MODULES = sorted(Path(core.__file__).parent.glob("*.py"))


def imported(module: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or "."


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.stem)
def test_a_module_of_core_imports_the_standard_library_and_core_alone(module: Path) -> None:
    for name in imported(module):
        assert name.partition(".")[0] in sys.stdlib_module_names or name.startswith("dashboard.core"), name
