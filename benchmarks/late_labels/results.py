"""What a run says in the end: the last revision of each performance window, beside what scikit-learn says."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np

from benchmarks.late_labels.metrics import deviations, misfits
from driftline.events.source import LABEL_STREAM
from driftline.panes.flush_record import decode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.late_labels.metrics import Expected
    from benchmarks.late_labels.scenario import Scenario

Window = tuple[int, int]
"""Model and start."""
MODELS = {"churn": 0, "price": 1}
PERFORMANCE = b"io.driftline.performance.v1"


class Events:
    """The events topic, read on from where the last reading ended.

    Parameters
    ----------
    scenario : Scenario
    """

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._next: dict[int, int] = {}
        self._seen: dict[bytes, bytes] = {}
        self.performance: dict[Window, list[dict[str, Any]]] = {}
        """Revisions by window, without repetitions."""
        self.n_repeated = 0

    @property
    def final(self) -> dict[Window, dict[str, Any]]:
        """The last revision of each window that has had its last."""
        last = {window: max(events, key=lambda e: e["revision"]) for window, events in self.performance.items()}
        return {window: event for window, event in last.items() if event["final"]}

    @property
    def by_id(self) -> dict[bytes, bytes]:
        """All events by their id."""
        return self._seen

    def read(self) -> None:
        """Take in what has come since; a repetition must have the same bytes."""
        for message in self._scenario.messages("events", self._next):
            self._next[message.partition() or 0] = (message.offset() or 0) + 1
            headers: Any = message.headers()
            self._add(dict(headers), message.value() or b"")

    def _add(self, headers: dict[str, bytes], value: bytes) -> None:
        known = self._seen.get(headers["ce_id"])
        if known is not None:
            assert known == value, f"two events with one id:\n{known!r}\n{value!r}"
            self.n_repeated += 1
            return
        self._seen[headers["ce_id"]] = value
        if headers["ce_type"] == PERFORMANCE:
            event = msgspec.json.decode(value)
            start_ms = round(datetime.fromisoformat(event["window"]["start"]).timestamp() * 1000)
            self.performance.setdefault((MODELS[event["model"]], start_ms), []).append(event)


def label_stream(scenario: Scenario) -> tuple[int, int, int]:
    """Return what the committed flush records say of the whole label stream.

    Returns
    -------
    predictions, values, orphaned : int
        As in :class:`benchmarks.late_labels.rules.Counts`.
    """
    totals = np.zeros(3, dtype=np.int64)
    for message in scenario.messages("panes"):
        for delta in decode(message.value() or b"", "panes").joins:
            if delta.key == LABEL_STREAM:
                totals += delta.labels
    predictions, values, orphaned = totals.tolist()
    return predictions, values, orphaned


class Comparison(NamedTuple):
    """How the last revisions stand to what is expected.

    Attributes
    ----------
    n_windows : int
    misfits : list of str
        Empty where all is as it must be.
    worst : dict of str to float
        Of each metric the greatest deviation, as a part of what is allowed.
    windows_with : Counter
        In how many windows each metric was compared.
    """

    n_windows: int
    misfits: list[str]
    worst: dict[str, float]
    windows_with: Counter[str]


def compare(expected: dict[Window, Expected], found: dict[Window, dict[str, Any]]) -> Comparison:
    """Compare the last revision of every window."""
    wrong = [f"{window}: no last revision" for window in expected.keys() - found.keys()]
    wrong += [f"{window}: not expected" for window in found.keys() - expected.keys()]
    worst: dict[str, float] = {}
    windows_with: Counter[str] = Counter()
    for window in sorted(expected.keys() & found.keys()):
        wrong += [f"{window}: {text}" for text in misfits(expected[window], found[window])]
        off = deviations(expected[window], found[window]["metrics"])
        windows_with.update(off.keys())
        for name, value in off.items():
            worst[name] = max(worst.get(name, 0.0), value)
    return Comparison(len(expected), wrong, worst, windows_with)


def lines(comparison: Comparison) -> Iterator[str]:
    """Yield the comparison as the rows of a table."""
    yield "| metric | windows | greatest deviation, as a part of what is allowed |"
    yield "| ------ | ------: | ------: |"
    for name, value in sorted(comparison.worst.items()):
        yield f"| {name} | {comparison.windows_with[name]} | {value:.3g} |"
