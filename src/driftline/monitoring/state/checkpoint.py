"""State as entries of a table: versioned MessagePack, cut in pieces that no broker's record limit refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias, TypeVar

import msgspec
from msgspec import Struct

from driftline.errors import FormatError, describe
from driftline.events.model_key import ModelKey
from driftline.events.source_numbers import TopicPart
from driftline.panes.watermarks import WatermarkState

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

STATE_VERSION: Final = 6
META_KEY: Final = b"meta"
"""Under this key a checkpoint's meta bytes stand among the entries that a monitor is restored from."""
PIECE_BYTES: Final = 400 * 1024
"""Payload of one entry at most; with key and envelope it stays below 512 KB."""

START_AFRESH: Final = (
    "delete the state topic, `<prefix>.detect-state`, create it again with `driftline topics create`, and delete the "
    "offsets of the group `<prefix>-detect`: detection then starts again from the oldest pane that is still kept."
)
"""What an operator can always do."""


class StatePlace(NamedTuple):
    """Where a value of a model's state stands."""

    table: str
    """Its name in the model's scope."""
    key: str

    def __str__(self) -> str:
        return f"{self.table}/{self.key}" if self.key else self.table


StateChange: TypeAlias = tuple[ModelKey, StatePlace, bytes | None]
"""Model, place of the value, and its bytes; None deletes."""

T = TypeVar("T")


class Checkpoint(Struct, frozen=True):
    """What changed since the last checkpoint."""

    position: int
    """The smallest offset of a record that open panes of predictions need, or the next one: read again from here after
    a restore."""
    entries: dict[bytes, bytes | None]
    """Changed entries; None deletes."""
    meta: bytes
    """Watermarks and offsets; given back as the entry :data:`META_KEY`."""


class CheckpointMeta(Struct, frozen=True, array_like=True):
    """What a checkpoint says about the whole partition."""

    version: int
    as_of: int
    """Offset of the last record applied; -1 before the first."""
    position: int
    watermarks: WatermarkState
    n_after_idle: int
    places: list[TopicPart] = []
    """Which partitions of which topics have the numbers of sources, as the last flush record said it."""


class EntryKey(Struct, frozen=True, array_like=True):
    """Key of one entry."""

    model: ModelKey
    table: str
    key: str
    piece: int


class Entry(Struct, frozen=True, array_like=True):
    """A value of a model's state, or a piece of a large one."""

    version: int
    n_pieces: int
    payload: bytes


def damaged(expected: str, got: object, at: str) -> FormatError:
    """Return the error of state that cannot be read, with what the operator does."""
    advice = f". Start the driftline version that wrote it, or {START_AFRESH}"
    return FormatError(describe(expected, got, at) + advice)


def _load(data: bytes, as_type: type[T], at: str) -> T:
    try:
        return msgspec.msgpack.decode(data, type=as_type)
    except msgspec.DecodeError as error:
        raise damaged(f"state of version {STATE_VERSION}", str(error), at) from error


def _load_versioned(data: bytes, as_type: type[T], at: str) -> T:
    """Read a record that begins with its version; that first, as the rest may look different under another."""
    head = _load(data, list[msgspec.Raw], at)
    version = _load(bytes(head[0]), int, at) if head else 0
    if version != STATE_VERSION:
        raise damaged(f"state of version {STATE_VERSION}", version, at)
    return _load(data, as_type, at)


def load_meta(data: bytes, at: str) -> CheckpointMeta:
    """Read a checkpoint's meta bytes.

    Raises
    ------
    FormatError
        When they are damaged or of another version; the message says what to do.
    """
    return _load_versioned(data, CheckpointMeta, at)


class StateEntries:
    """Turns values of the state into entries and back.

    *State*: the number of pieces of each value, to delete those that are no longer used.
    """

    def __init__(self) -> None:
        self._n_pieces: dict[tuple[ModelKey, StatePlace], int] = {}

    def write(self, changes: Iterable[StateChange]) -> dict[bytes, bytes | None]:
        """Return the entries of the values that changed."""
        entries: dict[bytes, bytes | None] = {}
        for model, place, payload in changes:
            before = self._n_pieces.pop((model, place), 0)
            n_pieces = 0 if payload is None else max(1, -(-len(payload) // PIECE_BYTES))
            for piece in range(n_pieces, before):
                entries[msgspec.msgpack.encode(EntryKey(model, *place, piece))] = None
            if payload is None:
                continue
            self._n_pieces[model, place] = n_pieces
            for piece in range(n_pieces):
                part = payload[piece * PIECE_BYTES : (piece + 1) * PIECE_BYTES]
                entry = Entry(STATE_VERSION, n_pieces, part)
                entries[msgspec.msgpack.encode(EntryKey(model, *place, piece))] = msgspec.msgpack.encode(entry)
        return entries

    def read(self, entries: Mapping[bytes, bytes], at: str) -> dict[ModelKey, dict[StatePlace, bytes]]:
        """Return the values by model and place.

        Raises
        ------
        FormatError
            When an entry is damaged, missing or of another version; the message says what to do.
        """
        values: dict[tuple[ModelKey, StatePlace], dict[int, Entry]] = {}
        for data, value in entries.items():
            if data == META_KEY:
                continue
            entry = _load_versioned(value, Entry, at)
            key = _load(data, EntryKey, at)
            values.setdefault((key.model, StatePlace(key.table, key.key)), {})[key.piece] = entry
        states: dict[ModelKey, dict[StatePlace, bytes]] = {}
        for (model, place), pieces in values.items():
            n_pieces = next(iter(pieces.values())).n_pieces
            if sorted(pieces) != list(range(n_pieces)):
                raise damaged(f"{n_pieces} pieces of {place} of {model}", sorted(pieces), at)
            self._n_pieces[model, place] = n_pieces
            payload = b"".join(pieces[piece].payload for piece in range(n_pieces))
            states.setdefault(model, {})[place] = payload
        return states
