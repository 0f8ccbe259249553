"""State as entries of a table: versioned MessagePack, cut in pieces that no broker's record limit refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

import msgspec
from msgspec import Struct

from driftline.errors import FormatError, describe
from driftline.events.model_key import ModelKey
from driftline.panes.watermarks import WatermarkState

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

STATE_VERSION: Final = 4
META_KEY: Final = b"meta"
"""Under this key a checkpoint's meta bytes stand among the entries that a monitor is restored from."""
PIECE_BYTES: Final = 400 * 1024
"""Payload of one entry at most; with key and envelope it stays below 512 KB."""

_ADVICE: Final = (
    ". Start the driftline version that wrote it, or delete the state topic, `<prefix>.detect-state`, and the "
    "offsets of the group `<prefix>-detect`: "
    "detection then starts again from the oldest pane that is still kept."
)

Change = tuple[ModelKey, str, bytes | None]
"""Model, name of the piece of state, and its bytes; None deletes."""

T = TypeVar("T")


class Checkpoint(Struct, frozen=True):
    """What changed since the last checkpoint.

    Attributes
    ----------
    position : int
        The smallest offset of a record that open panes of predictions need, or the next one: read again from here after
        a restore.
    entries : dict of bytes to bytes or None
        Changed entries; None deletes.
    meta : bytes
        Watermarks and offsets; given back as the entry :data:`META_KEY`.
    """

    position: int
    entries: dict[bytes, bytes | None]
    meta: bytes


class CheckpointMeta(Struct, frozen=True, array_like=True):
    """What a checkpoint says about the whole partition."""

    version: int
    as_of: int
    """Offset of the last record applied; -1 before the first."""
    position: int
    watermarks: WatermarkState
    n_after_idle: int


class EntryKey(Struct, frozen=True, array_like=True):
    """Key of one entry."""

    model: ModelKey
    name: str
    piece: int


class Entry(Struct, frozen=True, array_like=True):
    """One piece of a model's state."""

    version: int
    n_pieces: int
    payload: bytes


def load(data: bytes, as_type: type[T], at: str) -> T:
    """Read bytes of the state.

    Raises
    ------
    FormatError
        When they are damaged or of another version; the message says what to do.
    """
    try:
        return msgspec.msgpack.decode(data, type=as_type)
    except msgspec.DecodeError as error:
        raise FormatError(describe(f"state of version {STATE_VERSION}", str(error), at) + _ADVICE) from error


def require_version(version: int, at: str) -> None:
    """Refuse another version of the state.

    Raises
    ------
    FormatError
        When ``version`` is not :data:`STATE_VERSION`.
    """
    if version != STATE_VERSION:
        raise FormatError(describe(f"state of version {STATE_VERSION}", version, at) + _ADVICE)


def load_meta(data: bytes, at: str) -> CheckpointMeta:
    """Read a checkpoint's meta bytes; the version first, as the rest may look different under another."""
    head = load(data, list[msgspec.Raw], at)
    require_version(load(bytes(head[0]), int, at) if head else 0, at)
    return load(data, CheckpointMeta, at)


class StateEntries:
    """Turns pieces of state into entries and back.

    *State*: the number of pieces of each name, to delete those that are no longer used.
    """

    def __init__(self) -> None:
        self._n_pieces: dict[tuple[ModelKey, str], int] = {}

    def write(self, changes: Iterable[Change]) -> dict[bytes, bytes | None]:
        """Return the entries of the changed pieces of state."""
        entries: dict[bytes, bytes | None] = {}
        for model, name, payload in changes:
            before = self._n_pieces.pop((model, name), 0)
            n_pieces = 0 if payload is None else max(1, -(-len(payload) // PIECE_BYTES))
            for piece in range(n_pieces, before):
                entries[msgspec.msgpack.encode(EntryKey(model, name, piece))] = None
            if payload is None:
                continue
            self._n_pieces[model, name] = n_pieces
            for piece in range(n_pieces):
                part = payload[piece * PIECE_BYTES : (piece + 1) * PIECE_BYTES]
                entry = Entry(STATE_VERSION, n_pieces, part)
                entries[msgspec.msgpack.encode(EntryKey(model, name, piece))] = msgspec.msgpack.encode(entry)
        return entries

    def read(self, entries: Mapping[bytes, bytes], at: str) -> dict[ModelKey, dict[str, bytes]]:
        """Return the pieces of state by model and name.

        Raises
        ------
        FormatError
            When an entry is damaged, missing or of another version.
        """
        found: dict[tuple[ModelKey, str], dict[int, Entry]] = {}
        for key, value in entries.items():
            if key == META_KEY:
                continue
            place = load(key, EntryKey, at)
            head = load(value, list[msgspec.Raw], at)
            require_version(load(bytes(head[0]), int, at) if head else 0, at)
            found.setdefault((place.model, place.name), {})[place.piece] = load(value, Entry, at)
        states: dict[ModelKey, dict[str, bytes]] = {}
        for (model, name), pieces in found.items():
            n_pieces = next(iter(pieces.values())).n_pieces
            if sorted(pieces) != list(range(n_pieces)):
                raise FormatError(describe(f"{n_pieces} pieces of {name} of {model}", sorted(pieces), at) + _ADVICE)
            self._n_pieces[model, name] = n_pieces
            payload = b"".join(pieces[piece].payload for piece in range(n_pieces))
            states.setdefault(model, {})[name] = payload
        return states
