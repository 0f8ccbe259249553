"""What the real intake makes of a sample under given settings: events, and why records are refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np

from driftline.config.input_settings import LabelInput
from driftline.events.dead_letter import NOT_JSON, NOT_UTF8, WRONG_ENCODING
from driftline.events.label import LabelColumns, LabelDecoder
from driftline.events.prediction import PredictionColumns, PredictionDecoder
from driftline.events.smells import smell
from driftline.sketching.intake import no_intake, take_in_labels, take_in_predictions
from driftline.sketching.pairing import Pairing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from driftline.config.settings import Settings
    from driftline.events.dead_letter import DeadLetter
    from driftline.events.source import Kind
    from driftline.inspection.sample import TopicSample
    from driftline.sketching.intake import Intake

Columns = TypeVar("Columns", PredictionColumns, LabelColumns)


class Refusal(NamedTuple):
    """Why some of the records were refused: how many, the first message, and what their bytes look like."""

    reason: str
    n: int
    message: str
    looks_like: str | None = None


class Taken(NamedTuple):
    """The events of a sample, n of them; every array has the shape (n,).

    Attributes
    ----------
    kind : Kind
    events : PredictionColumns or LabelColumns
    times_ms : array of int64
        Event times.
    stamps_ms : array of int64
        Kafka's timestamps; -1 where there is none.
    partitions, offsets : array of int64
        Where their records stand.
    n_records, n_skipped : int
        Records of the sample, and those that are not meant.
    refusals : list of Refusal
        The most frequent first.
    """

    kind: Kind
    events: Any
    times_ms: NDArray[np.int64]
    stamps_ms: NDArray[np.int64]
    partitions: NDArray[np.int64]
    offsets: NDArray[np.int64]
    n_records: int
    n_skipped: int
    refusals: list[Refusal]

    @property
    def ids(self) -> Sequence[str]:
        """The prediction ids."""
        ids: Sequence[str] = self.events.prediction_ids
        return ids

    @property
    def n_refused(self) -> int:
        """Records that were refused."""
        return sum(refusal.n for refusal in self.refusals)

    @property
    def refused_share(self) -> float:
        """Share of the records that are meant and were refused, in [0, 1]."""
        meant = self.n_records - self.n_skipped
        return self.n_refused / meant if meant else 0.0

    @property
    def n_untimed(self) -> int:
        """Events without a time of their own."""
        return sum(time is None for time in self.events.ts_ms)


def take(sample: TopicSample, settings: Settings) -> Taken:
    """Return what becomes of the records of a sample, as the sketch stage would take them in."""
    future = int(settings.time.max_future)
    if sample.kind == "predictions":
        source = settings.predictions
        predictions = PredictionDecoder(source.fields, where=source.where)
        if source.pair is not None:
            return _joined(sample, PredictionColumns, _pairs(sample, Pairing(source.pair), predictions, future))
        return _joined(sample, PredictionColumns, [take_in_predictions(b, predictions, future) for b in sample.batches])
    outcomes = settings.labels or LabelInput()
    labels = LabelDecoder.of(outcomes)
    return _joined(sample, LabelColumns, [take_in_labels(b, labels, future) for b in sample.batches])


def _pairs(
    sample: TopicSample, pairing: Pairing, decode: PredictionDecoder, max_future_ms: int
) -> list[Intake[PredictionColumns]]:
    """Return the events whose two halves are both in the sample; others wait for halves that may lie outside it."""
    intakes = []
    assigned = set()
    for batch in sample.batches:
        if batch.source not in assigned:
            assigned.add(batch.source)
            pairing.assign(batch.source)
        paired = pairing.add(batch)
        intake = no_intake(PredictionColumns)
        if paired.pairs is not None:
            intake = take_in_predictions(paired.pairs, decode, max_future_ms)
        refused = [*(letter for _, letter in paired.refused), *intake.refused]
        intakes.append(intake._replace(refused=refused, skipped=[*paired.skipped, *intake.skipped]))
    return intakes


def _joined(sample: TopicSample, kind: type[Columns], intakes: Sequence[Intake[Columns]]) -> Taken:
    stamps, partitions = [], []
    for batch, intake in zip(sample.batches, intakes, strict=True):
        by_offset = dict(zip(batch.offsets, batch.timestamps_ms, strict=True))
        stamps += [by_offset[offset] for offset in intake.offsets.tolist()]
        partitions += [batch.source.partition] * len(intake.offsets)
    return Taken(
        sample.kind,
        kind.joined([intake.events for intake in intakes]) if intakes else kind.of([]),
        _together([intake.times_ms for intake in intakes]),
        np.array(stamps, dtype=np.int64),
        np.array(partitions, dtype=np.int64),
        _together([intake.offsets for intake in intakes]),
        sample.n_sampled,
        sum(len(intake.skipped) for intake in intakes),
        _refusals([letter for intake in intakes for letter in intake.refused]),
    )


def _together(parts: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    return np.concatenate(parts) if parts else np.array([], dtype=np.int64)


def _refusals(letters: Sequence[DeadLetter]) -> list[Refusal]:
    by_reason: dict[str, list[DeadLetter]] = {}
    for letter in letters:
        by_reason.setdefault(letter.reason, []).append(letter)
    found = [Refusal(reason, len(each), each[0].message, _looks_like(each[0])) for reason, each in by_reason.items()]
    return sorted(found, key=lambda refusal: -refusal.n)


def _looks_like(letter: DeadLetter) -> str | None:
    """Return what refused bytes look like, where the message does not say so already."""
    if letter.reason not in (NOT_JSON, NOT_UTF8, WRONG_ENCODING):
        return None
    found = smell(letter.value)
    return None if found is None or found in letter.message else found
