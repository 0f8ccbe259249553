"""What every registered detector and distance must keep, found by looking at the packages, so that none escapes."""

from __future__ import annotations

import inspect
import math
import pickle
import sys
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pytest

from driftline import detectors, distances
from driftline.detectors import Block, Detection, Detector
from driftline.errors import FormatError, ParameterError
from driftline.sketches.columns import NumericColumn
from driftline.sketches.encoding import encode_numeric, numbers_of
from driftline.sketches.grid import bin_of, build_edges

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from driftline.distances import DistanceFunction, OrderedDistanceFunction, ValueDistanceFunction

DISTANCE_HOUSE = {"base", "comparison", "null_expectation", "sides", "support"}
"""Modules of the distances package that hold no distance."""


def _modules(package: ModuleType) -> list[ModuleType]:
    return [import_module(f"{package.__name__}.{found.name}") for found in iter_modules(package.__path__)]


def detector_classes(modules: Iterable[ModuleType]) -> set[type[Detector]]:
    """Return every concrete detector that these modules define, public or not."""
    return {
        found
        for module in modules
        for _, found in inspect.getmembers(module, inspect.isclass)
        if issubclass(found, Detector) and not inspect.isabstract(found) and found.__module__ == module.__name__
    }


def distance_functions(
    modules: Iterable[ModuleType],
) -> set[DistanceFunction | OrderedDistanceFunction | ValueDistanceFunction]:
    """Return every function that these modules define and that takes two vectors of counts."""
    return {
        found
        for module in modules
        for _, found in inspect.getmembers(module, inspect.isfunction)
        if found.__module__ == module.__name__
        and list(inspect.signature(found).parameters)[:2] == ["current", "reference"]
    }


DETECTORS = sorted(detector_classes(_modules(detectors)), key=lambda found: found.__name__)
DISTANCES = [distances.get(name) for name in distances.names()]


RIVER = [detectors.get(f"river:{name}") for name in ("ADWIN", "PageHinkley", "DDM", "HDDMW")]
"""Some of river's; the others differ in nothing that is ours."""
ALL = [*DETECTORS, *RIVER]
EDGES = np.linspace(-3, 6, 11)
SOME_COUNTS = (1, 0, 2, 2)
STILL = {"paging_cusum": 0.0}
"""Where a constant stream stands for detectors that know what mean to expect."""


def _stream(found: type[Detector], seed: int = 1, blocks: int = 600) -> Iterator[Block]:
    """Yield blocks of 1 to 40 events whose mean jumps twice, of errors where the detector is made for them."""
    rng = np.random.default_rng(seed)
    for i in range(blocks):
        n, high = int(rng.integers(1, 40)), i * 3 // blocks % 2
        values = (rng.random(n) < 0.1 + 0.5 * high) * 1.0 if found.domain == "unit" else rng.normal(3.0 * high, 1, n)
        counts = np.bincount(np.searchsorted(EDGES, values), minlength=EDGES.size + 1)
        yield Block(n, float(values.mean()), float(values.var()), tuple(counts.tolist()))


def _block(found: type[Detector], count: int, value: float) -> Block:
    """Return a block of one value, in the detector's domain."""
    return Block(count, min(max(value, 0.0), 1.0) if found.domain == "unit" else value, 0.0, (count, 0))


def _results(detector: Detector, blocks: Iterable[Block]) -> list[Detection | None]:
    return [detector.update(block) for block in blocks]


# --- registration -----------------------------------------------------------------------------------------------------


def test_every_detector_of_the_package_is_registered_under_its_key() -> None:
    assert {detectors.get(name) for name in detectors.names()} == set(DETECTORS)
    assert all(detectors.get(name).key == name for name in detectors.names())


def test_every_module_of_the_distances_holds_one_registered_distance() -> None:
    registered = {distance.function for distance in DISTANCES}
    for module in _modules(distances):
        if module.__name__.rpartition(".")[2] not in DISTANCE_HOUSE:
            found = distance_functions([module])
            assert len(found) == 1, module
            assert found <= registered, module


def test_a_class_that_nobody_registered_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("driftline.detectors.forgotten")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    base = detectors.get("page_hinkley")
    module.__dict__["Forgotten"] = type("Forgotten", (base,), {"__module__": module.__name__})
    assert detector_classes([module]) == {module.Forgotten}
    assert not detector_classes([module]) & {detectors.get(name) for name in detectors.names()}


def test_a_taken_key_is_refused_and_keeps_its_class() -> None:
    adwin = detectors.get("adwin")
    with pytest.raises(ParameterError, match="Expected a key no other detector has, got 'adwin'"):
        detectors.register("adwin")(detectors.get("page_hinkley"))
    assert detectors.get("adwin") is adwin
    assert detectors.get("page_hinkley").key == "page_hinkley"


def test_an_unknown_key_names_those_there_are() -> None:
    with pytest.raises(ParameterError, match=r"Expected one of adwin, .*page_hinkley.*, got 'adwim'"):
        detectors.get("adwim")


# --- detectors --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("found", ALL)
def test_the_stream_makes_the_detector_find_changes(found: type[Detector]) -> None:
    assert any(_results(found(), _stream(found)))


@pytest.mark.parametrize("found", ALL)
def test_the_same_blocks_give_the_same_detections(found: type[Detector]) -> None:
    first, second = found(), found()
    assert _results(first, _stream(found)) == _results(second, _stream(found))
    assert first.snapshot() == second.snapshot()


@pytest.mark.parametrize("found", ALL)
@pytest.mark.parametrize(
    "unusable",
    [
        Block(0, 0.0, 0.0),
        Block(-3, 0.0, 0.0),
        Block(5, math.nan, 1.0, SOME_COUNTS),
        Block(5, math.inf, 1.0, SOME_COUNTS),
        Block(5, -math.inf, 1.0, SOME_COUNTS),
        Block(5, 1.0, math.nan, SOME_COUNTS),
        Block(5, 1.0, math.inf, SOME_COUNTS),
        Block(5, 1.0, -0.5, SOME_COUNTS),
        Block(5, 1e300, 1.0, SOME_COUNTS),
        Block(5, 1.0, 1e300, SOME_COUNTS),
    ],
    ids=repr,
)
def test_an_unusable_block_is_counted_and_otherwise_as_if_it_had_not_come(
    found: type[Detector], unusable: Block
) -> None:
    clean, disturbed = found(), found()
    expected = _results(clean, _stream(found))
    results = []
    for i, block in enumerate(_stream(found)):
        if i % 50 == 7:
            assert disturbed.update(unusable) is None
        results.append(disturbed.update(block))
    assert results == expected
    assert disturbed.counters.n_ignored == 12
    assert clean.counters.n_ignored == 0
    assert disturbed.state == clean.state


@pytest.mark.parametrize("found", ALL)
def test_the_largest_usable_blocks_leave_nothing_behind_after_a_reset(found: type[Detector]) -> None:
    detector = found()
    detector.update(_block(found, 1_000_000, 1e100))
    detector.update(_block(found, 1_000_000, -1e100))
    detector.reset()
    assert _results(detector, _stream(found)) == _shifted(_results(found(), _stream(found)), 2_000_000)


def _shifted(results: list[Detection | None], by: int) -> list[Detection | None]:
    return [result and msgspec.structs.replace(result, index=result.index + by) for result in results]


@pytest.mark.parametrize("found", ALL)
def test_a_constant_stream_is_no_change(found: type[Detector]) -> None:
    assert not any(_results(found(), [_block(found, 10, STILL.get(found.key, 2019.25))] * 500))


@pytest.mark.parametrize("found", ALL)
def test_a_single_event_is_no_change(found: type[Detector]) -> None:
    assert found().update(_block(found, 1, 5.0)) is None


@pytest.mark.parametrize("found", ALL)
def test_detections_carry_sound_evidence(found: type[Detector]) -> None:
    detector = found()
    n_events = 0
    for block in _stream(found):
        n_events += block.count
        result = detector.update(block)
        if result is not None:
            assert result.index == n_events - 1
            assert result.statistic > 0
            assert result.threshold is None or result.statistic > result.threshold > 0
            assert math.isfinite(result.mean_before)
            assert math.isfinite(result.mean_after)
            assert result.since_blocks is None or result.since_blocks >= 1
            assert result.since_events is None or 1 <= result.since_events <= n_events


@pytest.mark.parametrize("found", ALL)
def test_reset_forgets_the_stream_and_keeps_the_lifetime_counters(found: type[Detector]) -> None:
    detector = found()
    n_found = sum(result is not None for result in _results(detector, _stream(found)))
    before = msgspec.structs.asdict(detector.counters)
    detector.reset()
    assert msgspec.structs.asdict(detector.counters) == before
    assert before["n_blocks"] == 600
    assert before["n_detections"] == n_found > 0
    assert detector.state == found().state
    again = _results(detector, _stream(found))
    assert again == _shifted(_results(found(), _stream(found)), before["n_events"])


@pytest.mark.parametrize("found", ALL)
@pytest.mark.parametrize("at", [0, 1, 5, 201, 399, 599])
def test_snapshot_and_restore_in_mid_stream_give_identical_results(found: type[Detector], at: int) -> None:
    blocks = list(_stream(found))
    whole = found()
    expected = _results(whole, blocks)
    first = found()
    results = _results(first, blocks[:at])
    second = detectors.restore(first.snapshot())
    assert type(second) is found
    assert second.snapshot() == first.snapshot()
    results += _results(second, blocks[at:])
    assert results == expected
    assert second.snapshot() == whole.snapshot()


@pytest.mark.parametrize("found", ALL)
def test_state_stays_within_its_limit_and_does_not_grow_with_the_stream(found: type[Detector]) -> None:
    detector = found()
    rng = np.random.default_rng(2)
    sizes = []
    for i in range(1, 8001):
        detector.update(Block(2**40, abs(float(rng.normal(0, 1e-9))), 1.0, (2**39, 2**39)))
        if i in (2000, 8000):
            sizes.append(len(detector.snapshot()))
    assert sizes[1] <= sizes[0] + 400  # four times the blocks are two rows more at most
    assert sizes[1] <= detector.snapshot_limit_bytes <= 20_000


@pytest.mark.parametrize("found", ALL)
@pytest.mark.parametrize("damage", [b"", b"\x00", b"not msgpack", pickle.dumps({"a": 1})])
def test_damaged_snapshots_say_what_to_do(found: type[Detector], damage: bytes) -> None:
    for read in (found.restore, detectors.restore):
        with pytest.raises(FormatError, match="delete this state to let the detector begin anew"):
            read(damage)
    whole = found().snapshot()
    with pytest.raises(FormatError, match="bytes that are none"):
        found.restore(whole[:-5])


@pytest.mark.parametrize("found", ALL)
def test_a_snapshot_of_another_version_or_detector_is_refused(
    found: type[Detector], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = found().snapshot()
    monkeypatch.setattr(found, "version", found.version + 1)
    with pytest.raises(FormatError, match=f"version {found.version - 1}; run the driftline version that wrote it"):
        found.restore(whole)
    monkeypatch.undo()
    for other in set(ALL) - {found}:
        with pytest.raises(FormatError, match=f"Expected a snapshot of detector '{other.key}'"):
            other.restore(whole)
    unknown = msgspec.msgpack.encode(msgspec.msgpack.decode(whole) | {"detector": "of_tomorrow"})
    with pytest.raises(FormatError, match=r"of_tomorrow.*run the driftline version that wrote it"):
        detectors.restore(unknown)


@pytest.mark.parametrize("found", ALL)
def test_parameters_are_frozen_and_refuse_delta_below_zero(found: type[Detector]) -> None:
    parameters = found.parameters_type()
    first = parameters.__struct_fields__[0]
    with pytest.raises(AttributeError):
        setattr(parameters, first, 1)
    if "delta" in parameters.__struct_fields__:
        with pytest.raises(ParameterError, match=r"got -1 - at `\$\.delta`"):
            found.parameters_type(delta=-1)


# --- distances --------------------------------------------------------------------------------------------------------


def _support(n_bins: int) -> distances.Support:
    """Return what bins of the values 0 to 10, 10 to 20, ... hold; distances that need no values ignore it."""
    edges = 10.0 * np.arange(n_bins + 1, dtype=np.float64)
    return distances.Support(edges[:-1], edges[1:], spread=4.0)


@pytest.mark.parametrize("found", DISTANCES, ids=lambda found: found.key)
def test_a_distance_of_nothing_is_none(found: distances.Distance) -> None:
    some, nothing = np.array([3, 0, 2]), np.zeros(3, dtype=np.int64)
    assert found(nothing, some, support=_support(3)) is None
    assert found(some, nothing, support=_support(3)) is None
    assert found(nothing, nothing, support=_support(3)) is None
    assert found(nothing[:0], nothing[:0], support=_support(0)) is None


@pytest.mark.parametrize("found", DISTANCES, ids=lambda found: found.key)
@pytest.mark.parametrize(
    ("current", "reference"),
    [
        ([1], [1]),
        ([1], [10**15]),
        ([0, 1], [1, 0]),
        ([10**15, 0, 0], [0, 0, 1]),
        ([5, 0, 5], [5, 0, 5]),
        ([1] * 200, [7] * 200),
    ],
)
def test_a_distance_of_few_of_many_and_of_disjoint_events_is_finite_and_in_range(
    found: distances.Distance, current: list[int], reference: list[int]
) -> None:
    result = found(np.array(current), np.array(reference), support=_support(len(current)))
    assert result is not None
    assert math.isfinite(result.raw)
    assert found.lower <= result.raw <= found.upper
    assert result.corrected is not None
    assert math.isfinite(result.corrected)
    assert result.error_bound is None or 0 <= result.error_bound < math.inf
    assert (result.n, result.n_reference) == (sum(current), sum(reference))


@pytest.mark.parametrize("found", DISTANCES, ids=lambda found: found.key)
@pytest.mark.parametrize("reference", [[7.0] * 50, [*range(300)], [0.0, 1e308], [-1.7e308, 1.7e308], [2020.0, 2020.5]])
@pytest.mark.parametrize("current", [[7.0], [7.0] * 9, [7.0, math.nan, math.inf, -math.inf, 8.0], [-1e308, 1e308]])
def test_values_that_are_constant_extreme_or_none_leave_a_distance_sound(
    found: distances.Distance, reference: list[float], current: list[float]
) -> None:
    """Not-a-number and infinities have cells of their own: only finite values enter the counts of a column."""
    frozen, events = np.array(reference), np.array(current)
    edges = build_edges(frozen)
    finite = events[np.isfinite(events)]
    sides = [np.bincount(bin_of(edges, side), minlength=edges.size + 1) for side in (finite, frozen)]
    support = distances.Support.of_grid(
        edges,
        spread=0.0,
        lowest=min(finite.min(), frozen.min()),
        highest=max(finite.max(), frozen.max()),
    )
    result = found(*sides, support=support)
    same = found(sides[1], sides[1], support=support)
    assert result is not None
    assert same is not None
    assert result.corrected is not None
    assert math.isfinite(result.raw)
    assert math.isfinite(result.corrected)
    assert found.lower <= result.raw <= found.upper
    assert found.key == "novelty" or same.raw == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("found", DISTANCES, ids=lambda found: found.key)
def test_not_a_number_and_infinities_enter_no_count_that_a_distance_sees(found: distances.Distance) -> None:
    edges = build_edges(np.arange(300.0))
    column = NumericColumn("x", "feature", edges.tobytes(), 149.5, 86.6, 0.0, 299.0)
    reference = np.bincount(bin_of(edges, np.arange(300.0)), minlength=column.n_bins)
    support = distances.Support.of_grid(edges, spread=86.6)
    results = []
    for events in ([5.0, 7.0], [5.0, math.nan, math.inf, -math.inf, None, "x", 7.0]):
        bins = encode_numeric(column, *numbers_of(events)).bins
        counts = np.bincount(bins[bins >= 0], minlength=column.n_bins)
        results.append(found(counts, reference, support=support))
    assert results[0] is not None
    assert results[0] == results[1]


@pytest.mark.parametrize("found", DISTANCES, ids=lambda found: found.key)
def test_a_distance_leaves_its_input_alone_and_repeats_itself(found: distances.Distance) -> None:
    current, reference = np.array([5, 0, 9, 0]), np.array([50, 3, 80, 0])
    first = found(current, reference, support=_support(4))
    assert current.tolist() == [5, 0, 9, 0]
    assert reference.tolist() == [50, 3, 80, 0]
    assert found(current, reference, support=_support(4)) == first


@pytest.mark.parametrize("found", DISTANCES, ids=lambda found: found.key)
@pytest.mark.parametrize(
    ("current", "reference", "message"),
    [
        ([1, 2], [1, 2, 3], r"Expected 3 bins as in the reference, got 2 - at `\$\.current`"),
        ([1, -2], [1, 2], r"Expected counts of at least 0, got -2 - at `\$\.current`"),
        ([1, 2], [1.0, 2.0], r"Expected a one-dimensional array of integers, .* - at `\$\.reference`"),
        ([[1, 2]], [[1, 2]], r"Expected a one-dimensional array of integers, .* - at `\$\.current`"),
    ],
)
def test_a_distance_refuses_what_is_no_vector_of_counts(
    found: distances.Distance, current: list[int], reference: list[int], message: str
) -> None:
    with pytest.raises(ParameterError, match=message):
        found(np.array(current), np.array(reference), support=_support(2))


@pytest.mark.parametrize("found", [d for d in DISTANCES if d.needs_values], ids=lambda found: found.key)
def test_a_distance_of_values_asks_for_a_support_of_the_same_bins(found: distances.Distance) -> None:
    some = np.array([3, 1, 2])
    with pytest.raises(ParameterError, match=rf"the values of the bins, which {found.key} needs, got None"):
        found(some, some)
    with pytest.raises(ParameterError, match=r"Expected 3 bins as in the counts, got 2 - at `\$\.support`"):
        found(some, some, support=_support(2))
