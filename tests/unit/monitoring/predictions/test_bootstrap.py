from __future__ import annotations

import random

import msgspec
import numpy as np

from driftline.checks.contract.error_budget import ErrorBudget
from driftline.config.model import BootstrapSettings, ModelSettings
from driftline.config.settings import Settings
from driftline.events.model_key import ModelKey
from driftline.events.source import SEGMENT_ALL
from driftline.monitoring.model_setup import ModelSetup
from driftline.monitoring.predictions.accumulator import ClosedPane
from driftline.monitoring.predictions.bootstrap import BootstrapReference, BootstrapSample, is_counting
from driftline.monitoring.predictions.open_panes import ProfilePane
from driftline.panes.flush_record import PaneDelta
from driftline.profiles.profiles import Profiles
from driftline.sketches.layout import EVENTS
from driftline.sketches.packed import SampleRow
from driftline.sketches.pane_sketch import PaneSketch
from tests.support.state import changes, restore

KEY = ModelKey("m", "1")
SETTINGS = ModelSettings(bootstrap=BootstrapSettings(sample=100, events=250))


def sample_of(settings: ModelSettings) -> BootstrapSample:
    budget = ErrorBudget.of(Settings(defaults=settings), KEY.model)
    return BootstrapSample(ModelSetup(KEY, budget, 10, Profiles()))


def part(seed: int, n: int, predictions: str = "01") -> ProfilePane:
    rng, gathered = random.Random(seed), ProfilePane()
    rows = [
        SampleRow(rng.getrandbits(63), msgspec.json.encode({"x": rng.gauss(0, 1)}), rng.choice(predictions), 0.5)
        for _ in range(n)
    ]
    gathered.add(PaneDelta(KEY, SEGMENT_ALL, 0, "", n, {0: (0, n)}, None, rows))
    return gathered


def test_the_grid_comes_with_the_pane_that_has_enough_events() -> None:
    gathering = sample_of(SETTINGS)
    assert gathering.add(0, 10, part(1, 60)) is None
    profile = gathering.add(10, 20, part(2, 60))
    assert profile is not None
    assert (profile.origin, profile.effective_from_ms, profile.n_events) == ("bootstrap", 20, 0)
    assert is_counting(profile)
    assert [column.name for column in profile.columns] == ["x", "prediction", "score"]


def test_the_grid_is_made_of_the_rows_with_the_smallest_hashes() -> None:
    rows = [row for seed in range(4) for row in part(seed, 90).rows]
    random.Random(5).shuffle(rows)
    grids = set()
    for given in (rows, sorted(rows, key=lambda row: row.hash)[:100]):
        gathered = ProfilePane()
        gathered.n_events, gathered.rows = 360, list(given)
        profile = sample_of(SETTINGS).add(0, 10, gathered)
        assert profile is not None
        grids.add(profile.grid_id)
    assert len(grids) == 1


def test_a_sample_that_makes_no_profile_is_said_and_gathered_anew() -> None:
    gathering = sample_of(msgspec.structs.replace(SETTINGS, task="binary"))
    assert gathering.add(0, 10, part(1, 120, predictions="abc")) is None
    assert gathering.last_error is not None
    assert "at most two classes" in gathering.last_error
    assert gathering.add(10, 20, part(2, 90)) is None
    assert gathering.add(20, 30, part(3, 90)) is not None
    assert gathering.last_error is None


def test_gathering_goes_on_from_its_state_and_writes_each_pane_once() -> None:
    gathering, other = sample_of(SETTINGS), sample_of(SETTINGS)
    gathering.add(0, 10, part(1, 40))
    store = changes(gathering)
    gathering.add(10, 20, part(2, 40))
    later = changes(gathering)
    assert (sorted(store), sorted(later)) == (["sample/0"], ["sample/10"])
    store.update(later)
    restore(other, store)
    one, two = gathering.add(20, 30, part(3, 40)), other.add(20, 30, part(3, 40))
    assert one is not None
    assert two is not None
    assert one.profile_id == two.profile_id
    assert changes(other) == {"sample/0": None, "sample/10": None, "sample/20": None}


def grid_panes(n_panes: int, n: int) -> tuple[BootstrapReference, list[ClosedPane]]:
    grid = sample_of(SETTINGS).add(0, 10, part(1, 120))
    assert grid is not None
    panes = []
    for index in range(n_panes):
        sketch = PaneSketch(grid.layout)
        sketch.counts[EVENTS] = n
        sketch.sums[1] += 0xFFFF_FFFF
        panes.append(ClosedPane(10 * index, 10 * index + 10, sketch, {}, frozenset()))
    return BootstrapReference(grid, SETTINGS.bootstrap.events), panes


def test_the_reference_is_counted_on_the_grid_until_there_are_enough_events() -> None:
    counting, panes = grid_panes(3, 100)
    assert counting.add(panes[0]) is None
    assert counting.add(panes[1]) is None
    profile = counting.add(panes[2])
    assert profile is not None
    assert (profile.effective_from_ms, profile.n_events, profile.origin) == (30, 300, "bootstrap")
    assert profile.grid_id == counting.grid.grid_id
    assert not is_counting(profile)


def test_a_reference_is_the_same_however_its_panes_were_merged() -> None:
    one, panes = grid_panes(3, 100)
    other, _ = grid_panes(3, 100)
    merged = PaneSketch(one.grid.layout)
    for pane in panes:
        merged.merge(pane.sketch)
    merged.sums[0] += merged.sums[1] >> 32
    merged.sums[1] &= np.int64(0xFFFF_FFFF)
    profiles = [other.add(ClosedPane(0, 30, merged, {}, frozenset()))]
    for pane in panes:
        finished = one.add(pane)
    profiles.append(finished)
    assert profiles[0] is not None
    assert profiles[1] is not None
    assert profiles[0].profile_id == profiles[1].profile_id


def test_counting_goes_on_from_its_state() -> None:
    counting, panes = grid_panes(3, 100)
    other, _ = grid_panes(3, 100)
    counting.add(panes[0])
    counting.add(panes[1])
    store = changes(counting)
    assert changes(counting) == {}
    restore(other, store)
    one, two = counting.add(panes[2]), other.add(panes[2])
    assert one is not None
    assert two is not None
    assert one.profile_id == two.profile_id
