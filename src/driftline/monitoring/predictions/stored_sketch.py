"""Packed sketches that are read seldom: of panes, of what was before them, and of blocks of windows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import msgpack

from driftline.profiles.shelf import Form, Stored
from driftline.sketches.pane_sketch import PackedSketch

if TYPE_CHECKING:
    from driftline.profiles.shelf import Shelf

_FORM: Final[Form[PackedSketch]] = Form(msgpack.Encoder().encode, msgpack.Decoder(PackedSketch).decode)

StoredSketch = Stored[PackedSketch]


def stored(shelf: Shelf | None, packed: PackedSketch) -> StoredSketch:
    """Return a packed sketch on a shelf; in memory where there is none."""
    return Stored(shelf, packed, _FORM)
