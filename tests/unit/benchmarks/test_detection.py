"""The detection benchmark: its short cuts give what the pipeline gives, and other people's rules are theirs."""

from __future__ import annotations

import doctest

import msgspec
import numpy as np
import pytest
from scipy import spatial, stats

from benchmarks.detection import intervals
from benchmarks.detection.budget import LEVELS, outcome_of
from benchmarks.detection.budget_table import levels_table, pages_table
from benchmarks.detection.chunked import chunked_column
from benchmarks.detection.full import quiet, run_full
from benchmarks.detection.lean import run_lean
from benchmarks.detection.methods import HOUR_MS
from benchmarks.detection.reference import SimulatedModel, built, counted
from benchmarks.detection.scenarios import twelve_features, z_of
from benchmarks.detection.traffic import DAY_MS, MISSING, Day, categorical, continuous, days, discrete, score
from benchmarks.streams import STREAMS, Stream
from driftline.sketches.fixed_point import carry

KINDS = (
    categorical("a", 4, missing=0.02),
    continuous("b", missing=0.02),
    continuous("c"),
    discrete("d", 6),
    categorical("prediction", 2, role="prediction"),
    score(),
)

N_DAYS = 8
"""So many must have been seen before days are known."""


def shifted(day: Day) -> Day:
    """Return a day whose second half has larger values in one column."""
    codes = day.codes.copy()
    later = day.panes >= 72
    codes[2, later] = np.minimum(codes[2, later] + 4_096, MISSING - 1)
    return Day(day.start_ms, day.panes, codes)


@pytest.mark.parametrize("stream", ["ar_0.9", "bursts"])
def test_the_lean_way_finds_what_the_pipeline_finds(stream: str) -> None:
    model = SimulatedModel(KINDS, STREAMS[stream], 3, 14, 105.0)
    settings = quiet(model.settings())
    reference, live = model.traffic(2)
    held = [day if at else shifted(day) for at, day in enumerate(live)]
    whole = built(model, reference, settings)
    assert whole.joint is not None
    assert whole.joint_reference is not None
    quick = counted(model, reference, settings, (whole.joint, whole.joint_reference))
    assert quick.history == whole.history
    assert (quick.reference.counts == whole.reference.counts).all()
    assert (carry(quick.reference.joint) == carry(whole.reference.joint)).all()

    one = run_full(whole, KINDS, settings, held)
    two = run_lean(quick, KINDS, settings, held)

    small = [{each for each in run.tested if each.p_value <= LEVELS[0]} for run in (one, two)]
    assert small[0] == small[1]
    assert sorted(one.found) == sorted(two.found)
    assert one.pages == two.pages
    assert {each.column for each in one.found} == {"c"}
    assert len(one.pages) >= 1
    outcome = outcome_of(model, "independent", two, 0.0)
    assert "| independent | 1 | " in pages_table([outcome])
    assert "distribution of a column" in levels_table([outcome])


def test_the_lean_way_learns_dispersion_as_the_pipeline_does() -> None:
    model = SimulatedModel(KINDS, STREAMS["bursts"], 4, 2, 105.0, n_rows=5_000)
    settings = quiet(model.settings())
    learning = msgspec.structs.replace(settings.checks.dispersion, panes=100)
    settings = settings.replace(checks=msgspec.structs.replace(settings.checks, dispersion=learning))
    reference, live = model.traffic(10)
    held = [shifted(day) if at >= N_DAYS else day for at, day in enumerate(live)]
    profile = built(model, reference, settings)
    assert profile.history is None
    one = run_full(profile, KINDS, settings, held)
    two = run_lean(profile, KINDS, settings, held)
    assert {each for each in one.tested if each.p_value <= LEVELS[0]} == {
        each for each in two.tested if each.p_value <= LEVELS[0]
    }
    assert sorted(one.found) == sorted(two.found)
    assert {each.start_ms - model.live_ms >= N_DAYS * DAY_MS for each in one.found} == {True}
    assert one.pages == two.pages
    assert one.n_windows == two.n_windows
    assert two.n_windows[DAY_MS] == 2
    assert two.n_windows[HOUR_MS] >= 48, "those of columns without bursts may page sooner"


def test_the_distances_of_chunks_are_those_of_scipy() -> None:
    kinds = twelve_features()
    reference, live = days(Stream("plain"), 1, [0.0] * len(kinds), 2, per_pane=30)
    hours = live.panes // 6
    number = chunked_column(kinds[6], reference.codes[6], reference.panes // 6)
    found = number.scores(live.codes[6], hours, 24)
    one, other = z_of(reference.codes[6]), z_of(live.codes[6][hours == 3])
    assert found[1, 3] * 0.1 == pytest.approx(stats.wasserstein_distance(one, other) / one.std(), abs=1e-3)
    edges = np.histogram_bin_edges(one, bins="doane")
    shares = [np.histogram(each, bins=edges)[0] for each in (one, other)]
    outside = [each.size - held.sum() for each, held in zip((one, other), shares, strict=True)]
    vectors = [[*held, out] for held, out in zip(shares, outside, strict=True)]
    expected = spatial.distance.jensenshannon(*vectors, base=2)
    assert found[0, 3] * number.deviation + number.mean == pytest.approx(expected, abs=1e-12)
    category = chunked_column(kinds[1], reference.codes[1], reference.panes // 6)
    counts = [np.bincount(kinds[1].table[each[1]], minlength=10)[:9] for each in (reference.codes, live.codes)]
    everything = category.scores(live.codes[1], np.zeros(live.panes.size, dtype=np.int64), 1)
    assert everything[1, 0] * 0.1 == pytest.approx(spatial.distance.jensenshannon(*counts), abs=1e-12)


def test_examples() -> None:
    assert doctest.testmod(intervals).failed == 0
    assert DAY_MS == 24 * HOUR_MS
