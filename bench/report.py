"""What was found, as Markdown for the README or as JSON, and where it was found."""

import json
import os
import platform
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from textwrap import fill
from typing import Any

from bench import load, targets
from bench.measure import Cell, Ratio, Section
from dashboard.database.sqlite import driver as sqlite
from tests.support.server import ROOT

PACKAGES = ("flask", "gunicorn", "gevent", "sqlalchemy", "psycopg", "fastapi", "uvicorn", "uvloop", "httptools")
WIDTH = 120


def circumstances(folder: Path, postgresql: str) -> dict[str, Any]:
    """The machine, the versions, the day and the commands."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    file_system = _first_line("findmnt", "--noheadings", "--output", "FSTYPE", "--target", str(folder)) or "a disk"
    wrk = _first_line("wrk", "-v").partition(" [")[0].removeprefix("wrk ")
    loader = load.wrk_command("URL", 8, 1) if load.WRK else ["bench/load.py"]
    return {
        "machine": f"{_cpu()}, {os.cpu_count()} cores, {memory:.0f} GiB, files on {file_system}; "
        f"{_system()}, {platform.system()} {platform.release()}",
        "versions": {
            "Python": platform.python_version(),
            "SQLite": sqlite.sqlite_version,
            "PostgreSQL": postgresql,
            **{name: version(name) for name in PACKAGES},
            "wrk": wrk or "none, but processes of our own",
        },
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "commit": _first_line("git", "-C", str(ROOT), "describe", "--always", "--dirty") or "unknown",
        "commands": [
            " ".join(command).replace(f"{ROOT}/", "").replace(str(load.WRK), "wrk")
            for command in (targets.OURS, targets.CONSTANT, targets.REFERENCE, loader)
        ],
    }


def _first_line(*command: str) -> str:
    """What a program says first, on either channel; nothing where there is no such program."""
    if not shutil.which(command[0]):
        return ""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return done.stdout.partition("\n")[0]


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _system() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        return platform.platform()


def markdown(found: Mapping[str, Any], sections: Sequence[Section]) -> str:
    versions = ", ".join(f"{name} {number}" for name, number in found["versions"].items())
    commands = " · ".join(f"`{command}`" for command in found["commands"])
    paragraphs = [
        f"Measured on {found['date']} at commit {found['commit']}, side by side in interleaved rounds: figures are "
        "medians, a ratio is the median of the rounds' own, with their range.",
        f"{found['machine']}. {versions}.",
        f"Commands: {commands}",
    ]
    return "\n\n".join([*map(_wrapped, paragraphs), *map(_section, sections)])


def _wrapped(paragraph: str) -> str:
    return fill(paragraph, WIDTH, break_long_words=False, break_on_hyphens=False)


def _section(section: Section) -> str:
    lines = [section.columns, ["---"] * len(section.columns), *([_text(cell) for cell in row] for row in section.rows)]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"{_wrapped(f'**{section.title}.** {section.note}')}\n\n{table}"


def _text(cell: Cell) -> str:
    if not isinstance(cell, float):
        return str(cell)
    return f"{cell:,.0f}" if cell >= 100 else f"{cell:.1f}" if cell >= 10 else f"{cell:.2f}"


def as_json(found: Mapping[str, Any], sections: Sequence[Section]) -> str:
    told = [
        {
            "title": section.title,
            "note": section.note,
            "rows": [dict(zip(section.columns, map(_plain, row), strict=True)) for row in section.rows],
        }
        for section in sections
    ]
    return json.dumps({**found, "sections": told}, indent=2, ensure_ascii=False)


def _plain(cell: Cell) -> Any:
    return cell._asdict() if isinstance(cell, Ratio) else cell
