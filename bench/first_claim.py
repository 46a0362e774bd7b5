"""How long a fresh process takes to its first claim, and what memory it took: `first_claim.py DATABASE_URL`."""

import json
import os
import sys
import time
from pathlib import Path

from bench.in_process import App
from bench.talk import Request, check


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    before, began = resident_bytes(), time.perf_counter()
    check(App(sys.argv[1]).ask(Request("POST", "/jobs/claim")))
    print(json.dumps({"seconds": time.perf_counter() - began, "bytes": resident_bytes() - before}))
