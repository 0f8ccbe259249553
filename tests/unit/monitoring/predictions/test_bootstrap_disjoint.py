"""The events that fix a bootstrap's edges are not the ones that it counts, and its N is what it counted."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from driftline.config.durations import Duration
from driftline.config.model import BootstrapSettings, ModelSettings, WindowSettings
from driftline.config.settings import Settings, TimeSettings
from driftline.events.cloudevents import WINDOW
from driftline.profiles.profiles import Profiles
from driftline.runtime.files.backtest import Backtest
from driftline.sketches.columns import NumericColumn
from driftline.sketches.fixed_point import Z_SCALE

if TYPE_CHECKING:
    from pathlib import Path

    from driftline.events.output_record import OutputRecord
    from driftline.profiles.profile import Profile

START_MS = 1_767_571_200_000
PANE_MS = 10_000
GAP_MS = 100
"""One event each: 100 a pane."""


def settings(sample: int, events: int) -> Settings:
    model = ModelSettings(
        bootstrap=BootstrapSettings(sample=sample, events=events),
        windows=WindowSettings(
            verdict=(Duration(60_000),), display=Duration(60_000), hop=Duration(60_000), min_samples=200
        ),
    )
    time = TimeSettings(pane=Duration(PANE_MS), lateness=Duration(5_000))
    return msgspec.structs.replace(Settings(), defaults=model, time=time)


def ran(path: Path, n: int, chosen: Settings) -> tuple[list[Profile], list[dict[str, Any]]]:
    """Run n events, the i-th of which has the feature ``number`` = i; return the profiles made and the windows."""
    lines = (
        json.dumps(
            {
                "prediction_id": f"p{i}",
                "model": "m",
                "ts": START_MS + i * GAP_MS,
                "features": {"number": i},
                "prediction": i % 2,
            }
        )
        for i in range(n)
    )
    path.write_text("\n".join(lines), encoding="utf-8")
    book = Profiles()
    windows: list[dict[str, Any]] = []

    def emit(output: OutputRecord) -> None:
        if dict(output.headers).get("ce_type") == WINDOW.encode():
            windows.append(json.loads(output.value or b"null"))

    Backtest(chosen, book, 1).run(path, None, emit)
    return book.all(), windows


def span(profile: Profile) -> tuple[int, int]:
    """Return the least and the greatest number that a profile has counted."""
    column = profile.columns[0]
    assert isinstance(column, NumericColumn)
    low, high = (int(value) for value in profile.reference.extremes[0])
    least, greatest = -low / Z_SCALE, high / Z_SCALE
    return round(column.mean + column.spread * least), round(column.mean + column.spread * greatest)


@pytest.mark.parametrize(("sample", "events"), [(200, 500), (250, 1_030), (1_000, 700)])
def test_what_is_counted_comes_after_all_that_fixed_the_edges(tmp_path: Path, sample: int, events: int) -> None:
    (grid, finished), windows = ran(tmp_path / "p.ndjson", 12_000, settings(sample, events))
    column = grid.columns[0]
    assert isinstance(column, NumericColumn)
    assert (grid.origin, grid.n_events, finished.origin) == ("bootstrap", 0, "bootstrap")
    first_counted, last_counted = span(finished)
    assert column.maximum < first_counted, "no event is on both sides"
    assert START_MS + first_counted * GAP_MS >= grid.effective_from_ms
    assert finished.n_events == last_counted - first_counted + 1, "each event between the first and the last, once"
    assert events <= finished.n_events < events + PANE_MS // GAP_MS, "the pane that had enough is counted whole"
    assert finished.effective_from_ms == START_MS + (last_counted + 1) * GAP_MS
    assert finished.grid_id == grid.grid_id
    assert windows
    for window in windows:
        assert window["profile"]["id"] == finished.profile_id
        assert window["n_reference"] == finished.n_events
        assert window["flags"] == ["bootstrap"]
