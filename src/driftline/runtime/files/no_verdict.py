"""Why a backtest evaluated no window of a model: what was missing, with numbers, and what its reader can do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec
from msgspec import Struct

from driftline.config.durations import Duration
from driftline.events.cloudevents import WINDOW, rfc3339
from driftline.events.model_key import ModelKey
from driftline.events.source import SEGMENT_ALL
from driftline.monitoring.predictions.bootstrap import is_counting
from driftline.panes.flush_record import decode

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from driftline.config.settings import Settings
    from driftline.events.output_record import OutputRecord
    from driftline.events.source import Source
    from driftline.monitoring.monitor_status import ModelStatus
    from driftline.profiles.profiles import Profiles

_SHOWN: Final = 3
"""Models that a sentence names."""


class ModelTraffic:
    """What came of one model's predictions, and how many windows were evaluated."""

    __slots__ = ("first_pane_ms", "n_events", "n_late", "n_windows")

    def __init__(self, pane_ms: int) -> None:
        self.first_pane_ms = pane_ms
        self.n_events = self.n_late = self.n_windows = 0


class Surroundings(NamedTuple):
    """What a backtest was given, and how far it came."""

    settings: Settings
    profiles: Profiles
    references: frozenset[ModelKey]
    """Models that a reference was given of."""
    marks: dict[Source, int | None]
    """The watermark of each partition of predictions at the end; None of one without an event."""


class _Span(Struct):
    kind: str


class _Block(Struct):
    index: int


class _Window(Struct):
    """What tells an evaluated window from other events."""

    model: str
    model_version: str
    window: _Span
    block: _Block


_WINDOWS: Final = msgspec.json.Decoder(_Window)
_TYPE: Final = ("ce_type", WINDOW.encode())


def note_traffic(traffic: dict[ModelKey, ModelTraffic], record: bytes) -> None:
    """Add up what a record of the panes topic says of the models' predictions."""
    for delta in decode(record, "panes").panes:
        if delta.segment == SEGMENT_ALL:
            of_model = traffic.setdefault(delta.key, ModelTraffic(delta.pane_ms))
            of_model.first_pane_ms = min(of_model.first_pane_ms, delta.pane_ms)
            of_model.n_events += delta.n_events
            of_model.n_late += delta.n_late


def evaluated_model(output: OutputRecord) -> ModelKey | None:
    """Return the model whose window was evaluated, where an output says so; None of all other outputs.

    A window with very many columns has several events: the first one counts.
    """
    if output.value is None or _TYPE not in output.headers:
        return None
    event = _WINDOWS.decode(output.value)
    if event.window.kind != "tumbling" or event.block.index:
        return None
    return ModelKey(event.model, event.model_version)


def why_no_verdict(
    traffic: Mapping[ModelKey, ModelTraffic], status: Mapping[ModelKey, ModelStatus], given: Surroundings
) -> list[str]:
    """Return a sentence or two for each model of which no window was evaluated, in the models' order."""
    without = [key for key in sorted(traffic) if not traffic[key].n_windows]
    return [*_other_models(traffic, given), *(_why(key, traffic[key], status.get(key), given) for key in without)]


def _other_models(traffic: Mapping[ModelKey, ModelTraffic], given: Surroundings) -> Iterator[str]:
    """Yield a sentence if the references given are of models that no prediction was of."""
    unused = given.references - traffic.keys()
    if not unused or given.references & traffic.keys() or not traffic:
        return
    most = sorted(traffic, key=lambda key: (-traffic[key].n_events, key))
    met = ", ".join(f"`{key}` ({traffic[key].n_events:,})" for key in most[:_SHOWN])
    more = f" and {len(most) - _SHOWN} more" if len(most) > _SHOWN else ""
    yield (
        f"The reference is of `{min(unused)}`, and no prediction is. The predictions are of {met}{more}: name the "
        "model of the reference with --model and --model-version"
    )


def _why(key: ModelKey, seen: ModelTraffic, status: ModelStatus | None, given: Surroundings) -> str:
    """Return the first condition of a verdict that a model did not meet."""
    windows, bootstrap = given.settings.model(key.model).windows, given.settings.model(key.model).bootstrap
    size_ms = min(map(int, windows.verdict))
    finished = [profile for profile in given.profiles.of(key) if not is_counting(profile)]
    if not finished:
        return _learning(key, seen, status, given)
    usable_from_ms = max(finished[0].effective_from_ms, seen.first_pane_ms)
    learnt = 0 if finished[0].origin != "bootstrap" else bootstrap.sample + bootstrap.events
    n = max(0, seen.n_events - learnt)
    if n < windows.min_samples:
        after = f" after the {learnt:,} that the reference was learnt from" if learnt else ""
        return (
            f"`{key}`: a window needs {windows.min_samples:,} events (windows.min_samples), and there were {n:,}{after}"
        )
    return f"`{key}`: {_open(usable_from_ms, size_ms, given)}"


def _learning(key: ModelKey, seen: ModelTraffic, status: ModelStatus | None, given: Surroundings) -> str:
    """Return why a model has no reference: the one place that knows how one is learnt."""
    bootstrap = given.settings.model(key.model).bootstrap
    if not bootstrap.enabled:
        return (
            f"`{key}`: no reference was given, and bootstrap.enabled is false, so none is learnt from the stream: give "
            "one with --reference"
        )
    wanted = bootstrap.sample + bootstrap.events
    left_out = 0 if status is None or seen.n_events < wanted else status.n_unprofiled
    without = f", {left_out:,} of them read before it was known what columns there are" if left_out else ""
    text = (
        f"`{key}`: without a reference, driftline first learns one from the stream, and that did not end: it takes "
        f"{wanted:,} events (bootstrap.sample + bootstrap.events), and there were {seen.n_events:,}{without}. Give "
        "reference rows with --reference, or more predictions, or lower these settings"
    )
    error = None if status is None else status.bootstrap_error
    return text if error is None else f"{text}. The latest sample made no reference: {error}"


def _open(from_ms: int, size_ms: int, given: Surroundings) -> str:
    """Return how far event time came, and what the first window waited for."""
    end_ms = from_ms - from_ms % size_ms + size_ms
    silent = sorted(source.partition for source, mark in given.marks.items() if mark is None)
    if silent:
        return (
            f"nothing ends before every partition has an event, and of {len(given.marks)} partitions "
            f"{len(silent)} had none, such as partition {silent[0]}: set --partitions to the number that the lines "
            "use, or add --close"
        )
    reached_ms = min(mark for mark in given.marks.values() if mark is not None)
    lateness = given.settings.time.lateness
    last_ms = reached_ms + int(lateness)
    return (
        f"the first window of {Duration(size_ms)} did not end: it ends at {rfc3339(end_ms)}, the last event is of "
        f"{rfc3339(last_ms)}, and a window closes {lateness} of event time (time.lateness) after its end. Add --close "
        "to close what is open at the end, or add later predictions; if these times are not those of your events, look "
        "at the unit of `predictions.fields.ts`"
    )
