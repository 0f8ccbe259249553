"""Where a change comes from, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from driftline.sketches.origin_table import NONE, PARTITION

if TYPE_CHECKING:
    from collections.abc import Sequence

    from driftline.events.origin import Origin

_SHOWN: Final = 2
"""Partitions whose offsets are told of many, and columns that are named."""


def where_from(origins: Sequence[Origin], columns: Sequence[str] = ()) -> str:
    """Return what to say of the origins of a change; nothing where there are none.

    ``columns`` are those that it is of, where others changed elsewhere too.

    Examples
    --------
    >>> from driftline.events.origin import Origin
    >>> one = Origin(
    ...     dimension="header producer",
    ...     value="producer-7",
    ...     share_of_events=0.3,
    ...     share_of_change=1.0,
    ...     since="2026-03-01T12:10:00.000Z",
    ...     first_offsets={"2": 50_003},
    ...     exact=True,
    ... )
    >>> where_from([one])
    'Only records with header `producer` = `producer-7` are affected, from offset 50,003 of partition 2.'
    >>> where_from([one], ["amount"])[:40]
    'In `amount`, only records with header `p'
    """
    named = _first_dimension(origins)
    if not named:
        return ""
    of = f"In {' and '.join(f'`{name}`' for name in columns[:_SHOWN])}, only" if columns else "Only"
    return f"{of} records {_which(named)} are affected{_from_offsets(named)}."


def source_of(origins: Sequence[Origin]) -> str:
    """Return where to look first; there is at least one origin."""
    named = _first_dimension(origins)
    if named[0].dimension == PARTITION:
        return f"what writes to {_partitions([each.value for each in named])}"
    return f"what writes records {_which(named)}"


def _first_dimension(origins: Sequence[Origin]) -> list[Origin]:
    return [each for each in origins if each.dimension == origins[0].dimension]


def _which(named: Sequence[Origin]) -> str:
    if named[0].dimension == PARTITION:
        return f"of {_partitions([each.value for each in named])}"
    kind, _, name = named[0].dimension.partition(" ")
    values = " or ".join(f"`{each.value}`" for each in named)
    if [each.value for each in named] == [NONE]:
        return f"without a {kind}" + (f" `{name}`" if name else "")
    return f"with {kind} `{name}` = {values}" if name else f"with {kind} {values}"


def _partitions(names: Sequence[str]) -> str:
    return f"partition {names[0]}" if len(names) == 1 else f"the partitions {' and '.join(names)}"


def _from_offsets(named: Sequence[Origin]) -> str:
    """Return from which offsets on they have it: those of the first partitions, and how many more there are."""
    offsets: dict[str, int] = {}
    for origin in named:
        for name, offset in origin.first_offsets.items():
            offsets[name] = min(offset, offsets.get(name, offset))
    if not offsets:
        return ""
    about = "" if all(origin.exact for origin in named) else "about "
    if len(offsets) == 1 and named[0].dimension == PARTITION:
        return f", from {about}offset {next(iter(offsets.values())):,} on"
    told = [f"offset {offset:,} of partition {name}" for name, offset in offsets.items()]
    more = len(told) - _SHOWN
    beside = f", and of {more} more {'partition' if more == 1 else 'partitions'}" if more > 0 else ""
    return f", from {about}{' and '.join(told[:_SHOWN])}{beside}"
