"""Profiles on the references topic: blocks of columns, because a wide profile exceeds a broker's record limit.

The key of a record is model, version, profile id and block number; compaction keeps every block of every profile.
A profile becomes usable when its last block has been read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
from msgspec import Struct, structs

from driftline.errors import FormatError
from driftline.events.model_key import ModelKey
from driftline.profiles.decay import Decay
from driftline.profiles.error_groups import ErrorGroups
from driftline.profiles.estimator import Estimator
from driftline.profiles.feature_errors import FeatureErrors
from driftline.profiles.history import History, joined
from driftline.profiles.profile import JointReference, Profile
from driftline.profiles.task import Origin, Task, TaskKind
from driftline.sketches.columns import Column, DateColumn, EmbeddingColumn
from driftline.sketches.joint import Joint
from driftline.sketches.layout import Layout
from driftline.sketches.loss_strata import N_CELLS
from driftline.sketches.packed import NO_WORDS, DenseWords, Sparse
from driftline.sketches.pane_sketch import PackedSketch, PaneSketch
from driftline.sketches.sparse import pack, unpack_into
from driftline.sketches.word_types import pack_words, unpack_words

if TYPE_CHECKING:
    from numpy.typing import NDArray

VERSION: Final = 5
"""The latest, written where a column is one that earlier versions do not know, of an embedding or a date. Version 4
is written where a performance cell is used that version 3 does not have, or has another meaning in it, and version 3
everywhere else. There unknown classes counted as one, and values beyond 2²⁰ spreads were clipped. Version 1
had neither history nor decay nor tails' sums; it is read as a profile without them, whose id is another one than it
had. Version 2 had no estimator. The performance cells of both lack the sums of today: a model with such a reference,
or with one of version 3 whose cells mean something else today, has its first windows as the baseline. A field at the
end that has a default needs no new version: profiles without it are read with the default, and workers that do not
know it pass over it."""
_READ: Final = (1, 2, 3, 4, VERSION)
PLAIN_VERSION: Final = 3
CELLS_VERSION: Final = 4
"""The first whose performance cells are those of today."""
BLOCK_COLUMNS: Final = 64
"""Columns a record at most."""
BLOCK_BYTES: Final = 400_000
"""About the size of a record at most: a broker takes no more than a megabyte by default."""


class ProfileBlock(Struct, frozen=True, array_like=True):
    """Some columns of a profile, and the header, which every block repeats."""

    version: int
    key: ModelKey
    profile_id: str
    block: int
    n_blocks: int
    effective_from_ms: int
    origin: Origin
    task_kind: TaskKind
    classes: tuple[str, ...]
    spread: float
    importances: dict[str, float]
    columns: tuple[Column, ...]
    reference: PackedSketch
    performance: Sparse | None
    history: History | None = None
    """Of these columns."""
    decay: Decay | None = None
    joint: Joint | None = None
    joint_reference: JointReference | None = None
    joint_sums: DenseWords = NO_WORDS
    """In the first block, as are the two before and what follows."""
    estimator: Estimator | None = None
    weighted: bool = False
    left_out: tuple[str, ...] = ()
    rare: dict[str, bytes] = {}
    """Of these columns. A worker that does not know it takes no category for new where a column lists not all."""
    losses: Sparse | None = None
    """In the first block."""
    error_groups: ErrorGroups | None = None
    """In the first block. A worker that does not know it watches no errors of numbers."""
    feature_errors: FeatureErrors | None = None
    """In the first block. A worker that does not know it compares no errors by feature."""


_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(ProfileBlock)


class _Head(Struct, frozen=True, array_like=True):
    """What the blocks of all versions begin with."""

    version: int
    key: ModelKey
    profile_id: str


_HEAD_DECODER: Final = msgspec.msgpack.Decoder(_Head)


def encode_profile(profile: Profile) -> list[tuple[bytes, bytes]]:
    """Return the key and value of each record of a profile."""
    runs, version = _runs(profile), _version(profile)
    performance = None if profile.performance is None else pack(profile.performance)
    records = []
    for block, chosen in enumerate(runs):
        columns = profile.columns[chosen.start : chosen.stop]
        value = ProfileBlock(
            version,
            profile.key,
            profile.profile_id,
            block,
            len(runs),
            profile.effective_from_ms,
            profile.origin,
            profile.task.kind,
            profile.task.classes,
            profile.task.spread,
            profile.importances,
            columns,
            _part(profile, chosen, Layout(columns)).pack(),
            performance if block == 0 else None,
            None if profile.history is None else profile.history.spanned(chosen),
            profile.decay,
            *(_once(profile) if block == 0 else ()),
        )
        rare = {column.name: profile.rare[column.name] for column in columns if column.name in profile.rare}
        key = "\0".join((profile.key.model, profile.key.version, profile.profile_id, str(block)))
        losses = None if block or profile.losses is None else pack(profile.losses)
        groups = profile.error_groups if block == 0 else None
        by_feature = profile.feature_errors if block == 0 else None
        whole = structs.replace(value, rare=rare, losses=losses, error_groups=groups, feature_errors=by_feature)
        records.append((key.encode(), _ENCODER.encode(whole)))
    return records


def _version(profile: Profile) -> int:
    """Return the first version that says all of a profile."""
    if any(isinstance(column, EmbeddingColumn | DateColumn) for column in profile.columns):
        return VERSION
    plain = profile.performance is None or _is_plain(profile.task, profile.performance)
    return PLAIN_VERSION if plain else CELLS_VERSION


def _is_plain(task: Task, performance: NDArray[np.int64]) -> bool:
    """Whether performance cells mean the same in version 3."""
    layout = task.performance_layout
    if layout.n_classes:
        both_unknown = int(layout.confusion_of(performance)[layout.n_classes :, layout.n_classes :].sum())
        return both_unknown == 0
    return not performance[layout.last :].any() and layout.n_clipped(performance) == 0


def _once(
    profile: Profile,
) -> tuple[Joint | None, JointReference | None, DenseWords, Estimator | None, bool, tuple[str, ...]]:
    """Return what stands in the first block alone."""
    sums = pack_words(profile.reference.joint)
    return profile.joint, profile.joint_reference, sums, profile.estimator, profile.task.weighted, profile.left_out


def _runs(profile: Profile) -> list[range]:
    """Return the columns of each record, at least one record."""
    runs, start = [], 0
    together = profile.joint_reference
    size = 8 * profile.layout.n_joint + (0 if together is None else len(together.rows) + len(together.pairs))
    size += len(_ENCODER.encode((profile.estimator, profile.left_out, profile.feature_errors)))
    for index, column in enumerate(profile.columns):
        n_bytes = 12 * column.n_bins + (0 if profile.history is None else profile.history.columns[index].n_bytes)
        n_bytes += len(profile.rare.get(column.name, b""))
        n_bytes += len(column.weights) if isinstance(column, EmbeddingColumn) else 0
        if index > start and (index - start == BLOCK_COLUMNS or size + n_bytes > BLOCK_BYTES):
            runs.append(range(start, index))
            start, size = index, 0
        size += n_bytes
    return [*runs, range(start, len(profile.columns))]


def is_profile_block(data: bytes) -> bool:
    """Return whether these bytes are a profile block, of whatever version; False for what others have written.

    Examples
    --------
    >>> is_profile_block(b'{"key": "value"}')
    False
    """
    try:
        _HEAD_DECODER.decode(data)
    except msgspec.DecodeError:
        return False
    return True


def decode_block(data: bytes, at: str) -> ProfileBlock:
    """Read one record of the references topic.

    Raises
    ------
    FormatError
        When the bytes are no profile block or of another version.
    """
    try:
        version = _HEAD_DECODER.decode(data).version
        if version in _READ:
            return _DECODER.decode(data)
    except msgspec.DecodeError as error:
        message = f"Expected a profile block of version {VERSION}, got {data[:16]!r} ({error}) - at `{at}`"
        raise FormatError(message) from error
    message = (
        f"Expected a profile block of version {VERSION}, got version {version} - at `{at}`. "
        "Upgrade this worker, or publish the reference again with this version."
    )
    raise FormatError(message)


class ProfileAssembler:
    """Puts profiles together from blocks, in whatever order they come."""

    def __init__(self) -> None:
        self._blocks: dict[str, dict[int, ProfileBlock]] = {}

    def add(self, block: ProfileBlock) -> Profile | None:
        """Add a block; return the profile when it was the last one missing."""
        blocks = self._blocks.setdefault(block.profile_id, {})
        blocks[block.block] = block
        if len(blocks) < block.n_blocks:
            return None
        del self._blocks[block.profile_id]
        return _assemble([blocks[i] for i in range(block.n_blocks)])


def decode_profile(records: list[bytes], at: str) -> Profile:
    """Return the profile whose records these are.

    Raises
    ------
    FormatError
        When a block is missing or unreadable.
    """
    assembler = ProfileAssembler()
    for data in records:
        profile = assembler.add(decode_block(data, at))
        if profile is not None:
            return profile
    message = f"Expected all blocks of a profile, got {len(records)} of them - at `{at}`"
    raise FormatError(message)


def _assemble(blocks: list[ProfileBlock]) -> Profile:
    head = blocks[0]
    columns = tuple(column for block in blocks for column in block.columns)
    task = Task(head.task_kind, head.classes, head.spread, head.weighted)
    layout = Layout(columns, head.joint)
    reference = PaneSketch(layout)
    if head.joint_sums.low:
        reference.joint += unpack_words(head.joint_sums)
    performance = None
    if head.performance is not None and head.version >= PLAIN_VERSION:
        performance = np.zeros(task.performance_layout.n_cells, dtype=np.int64)
        unpack_into(head.performance, performance)
        if head.version < CELLS_VERSION and not _is_plain(task, performance):
            performance = None
    losses = None
    if head.losses is not None:
        losses = np.zeros(N_CELLS, dtype=np.int64)
        unpack_into(head.losses, losses)
    first = 0
    for block in blocks:
        part_layout = Layout(block.columns)
        part = PaneSketch.unpack(block.reference, part_layout)
        places = layout.places[first : first + len(block.columns)]
        reference.copy_columns(part, zip(part_layout.places, places, strict=True))
        first += len(block.columns)
    histories = [block.history for block in blocks if block.history is not None]
    return Profile(
        head.key,
        head.effective_from_ms,
        head.origin,
        task,
        columns,
        head.importances,
        reference,
        performance,
        joined(histories) if histories else None,
        head.decay,
        head.joint,
        head.joint_reference,
        head.estimator,
        head.left_out,
        {name: hashes for block in blocks for name, hashes in block.rare.items()},
        losses,
        head.error_groups,
        head.feature_errors,
    )


def _part(profile: Profile, chosen: range, layout: Layout) -> PaneSketch:
    """Return the reference sketch of some of the columns."""
    part = PaneSketch(layout)
    places = profile.layout.places[chosen.start : chosen.stop]
    part.copy_columns(profile.reference, zip(places, layout.places, strict=True))
    return part
