"""The table of docs/distances.md says what the registry says."""

from __future__ import annotations

from pathlib import Path

import pytest

from driftline import distances

PAGE = Path(__file__).resolve().parents[3] / "docs" / "distances.md"
SHOWN = {0.0: "0", 1.0: "1", 4.0: "4", 2 / 3: "2/3", float("inf"): "∞"}


def _rows() -> dict[str, list[str]]:
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("| key |"))
    rows: dict[str, list[str]] = {}
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        key, *cells = (cell.strip() for cell in line.strip("|").split("|"))
        rows[key.strip("`")] = cells
    return rows


def test_every_distance_has_its_row_in_order() -> None:
    assert tuple(_rows()) == distances.names()


@pytest.mark.parametrize("key", distances.names())
def test_a_row_says_what_the_registry_says(key: str) -> None:
    found = distances.get(key)
    _, interval, base, reads, on, symmetric, correction, null, bound = _rows()[key]
    assert interval.split(",")[0] == f"{SHOWN[found.lower]} to {SHOWN[found.upper]}"
    assert base == (found.log_base or "none")
    assert (reads, on, symmetric) == (found.reads, found.on, "yes" if found.symmetric else "no")
    assert bound in {"none", "per call"}
    assert correction
    assert null
