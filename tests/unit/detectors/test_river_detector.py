from __future__ import annotations

import subprocess
import sys
from typing import Any

import msgspec
import numpy as np
import pytest
from river import drift

from driftline import detectors
from driftline.detectors import Block
from driftline.errors import FormatError, ParameterError

ORACLES: dict[str, Any] = {
    "ADWIN": drift.ADWIN,
    "PageHinkley": drift.PageHinkley,
    "KSWIN": drift.KSWIN,
    "DDM": drift.binary.DDM,
    "EDDM": drift.binary.EDDM,
    "FHDDM": drift.binary.FHDDM,
    "HDDMA": drift.binary.HDDMA,
    "HDDMW": drift.binary.HDDMW,
}


def _values(name: str, seed: int = 3) -> list[float]:
    rng = np.random.default_rng(seed)
    if detectors.get(name).domain == "unit":
        return [float(rng.random() < share) for share in (0.3, 0.8, 0.1) for _ in range(300)]
    return [float(rng.normal(mean, 1)) for mean in (0, 2, 1) for _ in range(300)]


@pytest.mark.parametrize("name", ORACLES)
def test_within_an_epoch_it_detects_where_river_does(name: str) -> None:
    detector = detectors.get(f"river:{name}")()
    oracle = ORACLES[name](seed=0) if name == "KSWIN" else ORACLES[name]()
    found, expected = [], []
    for i, value in enumerate(_values(f"river:{name}")):
        if detector.update(Block(1, value)) is not None:
            found.append(i)
        oracle.update(value)
        if oracle.drift_detected:
            expected.append(i)
    assert found == expected
    assert found or name == "EDDM"


def test_every_detector_of_river_can_be_had_and_nothing_else() -> None:
    assert detectors.river_names() == tuple(sorted(f"river:{name}" for name in ORACLES))
    for name in ("river:NoDrift", "river:DriftRetrainingClassifier", "river:adwin", "river:", "river:drift.ADWIN"):
        with pytest.raises(ParameterError, match=r"Expected one of river:ADWIN, .*river:PageHinkley, got 'river:"):
            detectors.get(name)


@pytest.mark.parametrize("at", [1, 99, 100, 101, 149, 150, 555])
@pytest.mark.parametrize("name", ["river:ADWIN", "river:KSWIN", "river:HDDMA"])
def test_a_restore_anywhere_in_or_between_epochs_changes_nothing(name: str, at: int) -> None:
    found = detectors.get(name)
    parameters = msgspec.convert({"epoch": 100}, found.parameters_type)
    blocks = [Block(1, value) for value in _values(name)]
    whole, first = found(parameters), found(parameters)
    expected = [whole.update(block) for block in blocks]
    results = [first.update(block) for block in blocks[:at]]
    second = detectors.restore(first.snapshot())
    results += [second.update(block) for block in blocks[at:]]
    assert results == expected
    assert any(expected)
    assert second.snapshot() == whole.snapshot()


def test_the_journal_stays_within_the_epoch_and_keeps_its_later_half() -> None:
    found = detectors.get("river:ADWIN")
    detector = found(msgspec.convert({"epoch": 10}, found.parameters_type))
    for i in range(25):
        detector.update(Block(1, float(i % 2)))
    assert detector.state == found.state_type([1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0])


def test_not_a_number_never_reaches_river() -> None:
    detector = detectors.get("river:ADWIN")()
    for value in (0.0, float("nan")):
        detector.update(Block(1, value))
    found = [detector.update(Block(1, value)) for value in _values("river:ADWIN")]
    assert any(found)
    assert detector.counters.n_ignored == 1


def test_where_river_raises_the_detector_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    class Failing:
        drift_detected = False

        def update(self, x: float) -> None:
            if x > 5:
                raise ValueError("math domain error")

    found = detectors.get("river:ADWIN")
    monkeypatch.setattr(found, "_new", lambda _: Failing())
    detector = found()
    for value in (1.0, 9.0, 2.0, 3.0):
        assert detector.update(Block(4, value)) is None
    assert msgspec.structs.asdict(detector.counters) == {
        "n_events": 12,
        "n_blocks": 3,
        "n_ignored": 1,
        "n_detections": 0,
    }
    assert detector.state == found.state_type([2.0, 3.0])


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("river:ADWIN", {"delta": -1}, r"Expected a finite number of at least 0, got -1(\.0)? - at `\$\.delta`"),
        ("river:ADWIN", {"epoch": 1}, r"Expected a whole number in \[2, 10000\], got 1 - at `\$\.epoch`"),
        ("river:KSWIN", {"alpha": 2.0}, r"Expected parameters that river takes \(Alpha must be between 0 and 1\.\)"),
        ("river:EDDM", {"alpha": 0.5}, "Expected parameters that river takes"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(name: str, parameters: dict[str, float], message: str) -> None:
    with pytest.raises((ParameterError, msgspec.ValidationError), match=message):
        detectors.get(name).parameters_type(**parameters)


def test_parameters_reach_river() -> None:
    found = detectors.get("river:ADWIN")
    keen = found(msgspec.convert({"delta": 0.5, "clock": 1}, found.parameters_type))
    first = next(i for i, value in enumerate(_values("river:ADWIN")) if keen.update(Block(1, value)))
    usual = found()
    assert first < next(i for i, value in enumerate(_values("river:ADWIN")) if usual.update(Block(1, value)))


def test_a_snapshot_of_a_class_that_river_no_longer_has_says_what_to_do() -> None:
    snapshot = msgspec.msgpack.decode(detectors.get("river:ADWIN")().snapshot())
    with pytest.raises(FormatError, match="delete this state to let the detector begin anew"):
        detectors.restore(msgspec.msgpack.encode(snapshot | {"detector": "river:Gone"}))


def test_river_is_imported_only_when_it_is_named() -> None:
    code = (
        "import sys; from driftline import detectors; detectors.get('adwin'); assert 'river' not in sys.modules; "
        "detectors.get('river:DDM'); assert 'river' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
