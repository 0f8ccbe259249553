"""What every registered detector must keep, found by looking at the package, so that none escapes."""

from __future__ import annotations

import inspect
import math
import pickle
import sys
from types import ModuleType
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pytest

from driftline import detectors
from driftline.detectors import Block, Detection, Detector
from driftline.errors import FormatError, ParameterError
from tests.support.modules import modules_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def detector_classes(modules: Iterable[ModuleType]) -> set[type[Detector]]:
    """Return every concrete detector that these modules define, public or not."""
    return {
        found
        for module in modules
        for _, found in inspect.getmembers(module, inspect.isclass)
        if issubclass(found, Detector) and not inspect.isabstract(found) and found.__module__ == module.__name__
    }


DETECTORS = sorted(detector_classes(modules_of(detectors)), key=lambda found: found.__name__)
RIVER = [detectors.get(f"river:{name}") for name in ("ADWIN", "PageHinkley", "DDM", "HDDMW")]
"""Some of river's; the others differ in nothing that is ours."""
ALL = [*DETECTORS, *RIVER]
EDGES = np.linspace(-3, 6, 19)
NO_COUNTS = (0,) * EDGES.size
SOME_COUNTS = (1, 0, 2, 2, *NO_COUNTS[3:])


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
    return Block(count, min(max(value, 0.0), 1.0) if found.domain == "unit" else value, 0.0, (count, *NO_COUNTS))


def _results(detector: Detector, blocks: Iterable[Block]) -> list[Detection | None]:
    return [detector.update(block) for block in blocks]


def test_every_detector_of_the_package_is_registered_under_its_key() -> None:
    assert {detectors.get(name) for name in detectors.names()} == set(DETECTORS)
    assert all(detectors.get(name).key == name for name in detectors.names())


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
    assert not any(_results(found(), [_block(found, 10, 2019.25)] * 500))


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
