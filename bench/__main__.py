"""How fast it is, beside what it is compared with: `./run bench`.

`--large` compares a thousand jobs with ten million finished ones instead of a million, counts whole jobs by more
numbers of clients, and adds ten minutes beside a transaction that was left open; `--json` prints JSON instead of
Markdown. It asserts no time, but an answer of the wrong status ends it with exit code 1.
"""

import argparse
import signal
import sys
import tempfile
from pathlib import Path

from bench import (
    batches,
    cycles,
    dashboards,
    growth,
    growth_leases,
    growth_postgresql,
    heartbeats,
    pinned,
    rates,
    report,
    sweep,
    waiting,
)
from bench.measure import BenchError, Section


def measure(folder: Path, large: bool) -> tuple[list[Section], str]:
    """All sections, and PostgreSQL's version."""
    with rates.all_serving(folder) as at:
        sections = [rates.calls(at), rates.pages(at), rates.together(at.ours)]
    sections += [growth.growth(folder, large), growth.start(folder), growth_postgresql.growth(folder)]
    sections += [growth_leases.growth(folder), sweep.sweep(folder)]
    sections += [batches.batches(folder, large), waiting.waiting(folder), heartbeats.heartbeats(folder)]
    sections.append(dashboards.dashboards(folder))
    if large:
        sections.append(pinned.pinned(folder))
    last, postgresql = cycles.cycles(folder)
    return [*sections, last], postgresql


def main() -> None:
    parser = argparse.ArgumentParser(prog="./run bench", description="Measure it, side by side with others.")
    parser.add_argument(
        "--large",
        action="store_true",
        help="ten million finished jobs instead of a million in all, more numbers of clients, and a pinned horizon",
    )
    parser.add_argument("--json", action="store_true", help="one JSON document instead of Markdown")
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started is stopped then, too
    with tempfile.TemporaryDirectory(prefix="bench-") as place:
        folder = Path(place)
        folder.chmod(0o755)  # PostgreSQL's user must reach its own
        try:
            sections, postgresql = measure(folder, asked.large)
        except BenchError as error:
            sys.exit(f"bench: there are no figures: {error}")
        print((report.as_json if asked.json else report.markdown)(report.circumstances(folder, postgresql), sections))


if __name__ == "__main__":
    main()
