"""The flush record: what one flush of a sketch worker says to one partition of the panes topic.

A flush writes one record to each panes partition, more where it would exceed :data:`MAX_RECORD_BYTES`. The deltas
of a chunk come before its watermarks, and the watermarks stand in the last chunk: they are never ahead of the deltas
they vouch for. MessagePack, versioned; see :func:`decode`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from driftline.errors import FormatError
from driftline.events.model_key import ModelKey
from driftline.events.schema_counts import SchemaCounts
from driftline.events.source import Kind, Offsets, Watermark
from driftline.events.source_numbers import TopicPart
from driftline.panes.control_entry import ControlEntry
from driftline.panes.intake_record import IntakeMark
from driftline.sketches.operations import Operations
from driftline.sketches.origin_table import OriginTables, split_origins
from driftline.sketches.packed import NO_CELLS, PackedEstimates, SampleRow, Sparse
from driftline.sketches.pane_sketch import PackedSketch, split_counts

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

VERSION: Final = 3
MAX_RECORD_BYTES: Final = 512 * 1024
"""Larger flush records are cut in chunks, far below a broker's default limit of 1 MiB."""
MAX_COMMAND_BYTES: Final = 256 * 1024
"""Commands of one record; what they leave of a broker's limit is for deltas."""


class PaneDelta(Struct, frozen=True, array_like=True):
    """What a flush adds to one pane of one model's predictions."""

    key: ModelKey
    segment: str
    pane_ms: int
    """Start of the pane."""
    profile_id: str
    """Of the profile whose grid the sketch was made on; empty where no profile was known."""
    n_events: int
    offsets: Offsets
    sketch: PackedSketch | None
    """None where no profile was known."""
    rows: list[SampleRow]
    """The events that are not late, where no profile was known: all of them but those too large for a record."""
    n_late: int = 0
    """Events that came too late, where no profile was known; otherwise the sketch counts them."""
    estimates: PackedEstimates | None = None
    """What the profile's estimator says of the events; None where it has none."""
    schemas: SchemaCounts = {}
    """Of the events that came with a schema of a registry."""
    operations: Operations | None = None
    """How the predictions were made; None where no event says anything of it."""
    origins: OriginTables = {}
    """The events of the sketch by where they come from."""


class WindowDelta(Struct, frozen=True, array_like=True, gc=False):
    """What a flush adds to one performance window."""

    window_ms: int
    """Start of the window, in prediction time."""
    cells: Sparse
    """Signed, in the :class:`driftline.sketches.scores.PerformanceLayout` of the profile."""
    arrival: Sparse = NO_CELLS
    """Signed, in the :class:`driftline.sketches.arrival.ArrivalLayout` of the profile."""
    unknown: list[str] = []
    """How labels are called that are of no class of the profile's task: :func:`first_names` of those that came."""
    by_feature: Sparse = NO_CELLS
    """Signed, in the cells of :mod:`driftline.sketches.feature_errors`; only of all traffic."""


MAX_NAMES: Final = 5
"""Names of unknown labels that are kept."""


def first_names(*names: Iterable[str]) -> list[str]:
    """Return the first of several names in their order, each once: of parts it is the same as of the whole.

    Examples
    --------
    >>> first_names(["b", "a"], ["c", "a"])
    ['a', 'b', 'c']
    """
    return sorted({name for part in names for name in part})[:MAX_NAMES]


class LooseRows(Struct, frozen=True, array_like=True, gc=False):
    """Joins of predictions that no profile was known for, from one source partition."""

    kind: Kind
    partition: int
    rows: bytes
    """As :mod:`driftline.panes.counting.loose_joins` packs them."""
    names: list[tuple[float, str]] = []
    """How labels are called that stand in the rows by their hash."""


class JoinDelta(Struct, frozen=True, array_like=True):
    """What a flush adds to one pane of one model's joins (pane of effective label time)."""

    key: ModelKey
    segment: str
    pane_ms: int
    profile_id: str
    """Gives the classes, or the spread that errors are divided by."""
    offsets: dict[Kind, Offsets]
    windows: list[WindowDelta]
    errors: tuple[int, int, int]
    """Count, sum and sum of squares (units of 2⁻²⁴ and 2⁻¹⁶) of the errors of first labels: 0 or 1 for classes,
    the absolute error over the reference's spread for regression. Labels of classes that the task does not know are
    left out: they may be no outcomes at all."""
    labels: tuple[int, int, int] = (0, 0, 0)
    """Under the key ``LABEL_STREAM`` alone: predictions that may get a label, labels that joined one, and labels whose
    prediction never came."""
    loose: list[LooseRows] = []
    """Rows to be counted under the profile that holds for their predictions; then the delta has nothing else."""
    groups: list[int] = []
    """First labels by the profile's group of absolute errors; empty where it has none, and of segments."""


class FlushRecord(Struct, frozen=True, array_like=True):
    """One record of the panes topic."""

    version: int
    panes: list[PaneDelta]
    joins: list[JoinDelta]
    watermarks: list[Watermark]
    """Empty in all chunks of a flush but the last."""
    routed: bool = False
    """Whether labels meet predictions by way of the pending topic, whose partitions then have watermarks of joins."""
    intake: list[IntakeMark] = []
    """Of the records themselves, in the partition of ``LABEL_STREAM`` alone, and there in the last chunk."""
    places: list[TopicPart] = []
    """Which partitions of which topics have the numbers of sources, in the last chunk; empty where each kind has one
    topic."""
    control: list[ControlEntry] = []
    """Commands that concern models of the partition, in the order of their offsets."""


_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(FlushRecord)
_HEAD_DECODER: Final = msgspec.msgpack.Decoder(list[msgspec.Raw])
_NEWER: Final = "Upgrade the detect workers before the sketch workers."
_OLDER: Final = (
    "What was written before an upgrade is not taken over: end all workers, delete this topic and the state topic, "
    "`<prefix>.detect-state`, and make them anew with `driftline topics create`; detection then starts with what comes."
)


def encode(record: FlushRecord) -> bytes:
    """Return the record's bytes."""
    return _ENCODER.encode(record)


def decode(data: bytes, at: str) -> FlushRecord:
    """Read a record of the panes topic.

    Raises
    ------
    FormatError
        When the bytes are no flush record or of another version; ``at`` says where, for the operator.
    """
    try:
        record = _DECODER.decode(data)
    except msgspec.DecodeError as error:
        _require_version(_version_of(data), at)  # another version may look different from its second field on
        message = (
            f"Expected a flush record of version {VERSION}, got {data[:16]!r} ({error}) - at `{at}`. "
            "Run sketch and detect workers of the same driftline version, or skip the record by resetting the offset."
        )
        raise FormatError(message) from error
    _require_version(record.version, at)
    return record


def _version_of(data: bytes) -> int:
    """Return the version that bytes begin with; this one where they begin with none."""
    try:
        head = _HEAD_DECODER.decode(data)
        return msgspec.msgpack.decode(head[0], type=int) if head else VERSION
    except msgspec.DecodeError:
        return VERSION


def _require_version(version: int, at: str) -> None:
    if version != VERSION:
        message = f"Expected a flush record of version {VERSION}, got version {version} - at `{at}`. "
        raise FormatError(message + (_NEWER if version > VERSION else _OLDER))


def chunks(
    panes: list[PaneDelta],
    joins: list[JoinDelta],
    watermarks: list[Watermark],
    intake: Sequence[IntakeMark] = (),
    places: Sequence[TopicPart] = (),
    *,
    routed: bool = False,
    control: Sequence[ControlEntry] = (),
) -> list[bytes]:
    """Return the flush as records of at most about ``MAX_RECORD_BYTES``; what is no delta stands in the last one.

    The delta of a wide model is cut in several, which add up to it. Commands that fill a record by themselves come
    first.
    """
    records, commands = _command_chunks(control, routed=routed)
    pane_deltas: list[PaneDelta] = []
    join_deltas: list[JoinDelta] = []
    size = 0
    deltas: list[PaneDelta | JoinDelta] = [part for delta in panes for part in _narrow(delta)]
    for delta in [*deltas, *joins]:
        n_bytes = len(_ENCODER.encode(delta))
        if size and size + n_bytes > MAX_RECORD_BYTES:
            records.append(encode(FlushRecord(VERSION, pane_deltas, join_deltas, [], routed)))
            pane_deltas, join_deltas, size = [], [], 0
        if isinstance(delta, PaneDelta):
            pane_deltas.append(delta)
        else:
            join_deltas.append(delta)
        size += n_bytes
    last = FlushRecord(VERSION, pane_deltas, join_deltas, watermarks, routed, [*intake], [*places], commands)
    return [*records, encode(last)]


def _command_chunks(control: Sequence[ControlEntry], *, routed: bool) -> tuple[list[bytes], list[ControlEntry]]:
    """Return records of commands alone, and the commands that are left: few enough for a record with deltas."""
    records: list[bytes] = []
    rest: list[ControlEntry] = []
    size = 0
    for entry in control:
        n_bytes = len(_ENCODER.encode(entry))
        if size and size + n_bytes > MAX_COMMAND_BYTES:
            records.append(encode(FlushRecord(VERSION, [], [], [], routed, control=rest)))
            rest, size = [], 0
        rest.append(entry)
        size += n_bytes
    return records, rest


def _narrow(delta: PaneDelta) -> list[PaneDelta]:
    """Return deltas of at most about half a record's cells that add up to one; events and sums stand in the first."""
    if delta.sketch is None:
        return [delta]
    first, *others = split_counts(delta.sketch, MAX_RECORD_BYTES // 2)
    by_origin, *more = split_origins(delta.origins, MAX_RECORD_BYTES // 2)
    blank = replace(
        delta, n_events=0, offsets={}, rows=[], n_late=0, estimates=None, schemas={}, operations=None, origins={}
    )
    with_origins = [replace(blank, sketch=None, origins=tables) for tables in more]
    if by_origin and others:  # both are large
        with_origins.insert(0, replace(blank, sketch=None, origins=by_origin))
        by_origin = {}
    return [
        replace(delta, sketch=first, origins=by_origin),
        *(replace(blank, sketch=other) for other in others),
        *with_origins,
    ]
