"""Estimates beside NannyML's, window by window, and beside what labels show: writes the tables in docs/estimation.md.

Usage: ``python -m benchmarks.estimation FOLDER [--write]``, after ``oracle.py FOLDER`` in NannyML's own environment.
Stops with an error where an estimate is further from NannyML's than the tolerance that the page derives.
"""

from __future__ import annotations

import argparse
import json
import sys
from importlib.metadata import version
from pathlib import Path

from benchmarks.estimation.ours import DATA, run
from benchmarks.estimation.tables import compared, page_of

PAGE = Path(__file__).parents[2] / "docs" / "estimation.md"
BEGIN, END = "<!-- tables: written by `python -m benchmarks.estimation` -->", "<!-- end of the tables -->"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--write", action="store_true", help="write the tables into docs/estimation.md")
    options = parser.parse_args()
    parts, failures = [], []
    theirs = {}
    for data in DATA:
        theirs = json.loads((options.folder / f"{data.name}.json").read_text(encoding="utf-8"))
        found = compared(options.folder, data, run(options.folder, data), theirs["metrics"])
        parts.append(page_of(found))
        failures += found.failures
    packages = ", ".join(f"{name} {version(name)}" for name in ("numpy", "scipy"))
    parts.insert(0, f"NannyML {theirs['nannyml']}, {packages}.")
    text = "\n\n".join(parts)
    print(text)
    if options.write:
        page = PAGE.read_text(encoding="utf-8")
        before, rest = page.split(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{rest.split(END)[1]}", encoding="utf-8")
    for failure in failures:
        print(failure, file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
