"""What happened beside a problem, in words: the deploy, the new baseline or the change of settings near its onset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from driftline.events.cloudevents import epoch_ms

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from driftline.alerts.onsets import Interval
    from driftline.events.alert import Beside, BesideKind

_TELLING: Final[Mapping[BesideKind, int]] = {
    "deploy": 0,
    "rollback": 0,
    "configuration": 1,
    "rebaseline": 2,
    "maintenance": 3,
    "note": 4,
}
"""What says most comes first."""
_LENGTH: Final = 60
"""Characters of a text that somebody wrote."""
_UNITS: Final = (("day", 86_400_000), ("hour", 3_600_000), ("minute", 60_000), ("second", 1_000))


class BesideWords(NamedTuple):
    """What is said of the most telling of them."""

    clause: str
    """A sentence."""
    look_at: str | None
    """What to look at first, where it may be the cause."""


def beside_words(beside: Sequence[Beside], onset: Interval) -> BesideWords | None:
    """Return what is said of what happened near an onset; None where nothing did."""
    if not beside:
        return None
    first = min(beside, key=lambda each: (_TELLING[each.kind], -epoch_ms(each.at)))
    at_ms = epoch_ms(first.at)
    inside = onset.from_ms <= at_ms <= onset.to_ms
    moment = f"at {first.at[11:16]}, in that time" if inside else f"{_before(onset.from_ms - at_ms)} before"
    what = _what(first)
    look_at = f"{_subject(first)}, {_done(first)} at {first.at[11:16]}" if inside and _is_deploy(first) else None
    return BesideWords(f"{what} {moment}.", look_at)


def plain(text: str, length: int = _LENGTH) -> str:
    r"""Return a text that somebody wrote on one line, without control characters, cut.

    Examples
    --------
    >>> plain("new\nmodel\x1b[31m"), plain("a" * 70)[-3:]
    ('new model [31m', 'aa…')
    """
    line = " ".join("".join(each if each.isprintable() else " " for each in text).split())
    return line if len(line) <= length else f"{line[: length - 1]}…"


def _is_deploy(each: Beside) -> bool:
    return each.kind in {"deploy", "rollback"}


def _subject(each: Beside) -> str:
    return f"version {plain(each.model_version)}" if each.model_version else "the model"


def _done(each: Beside) -> str:
    verb = {"deploy": "deployed", "rollback": "rolled back to"}[each.kind]
    return f"{verb} by {plain(each.by)}"


def _what(each: Beside) -> str:
    if _is_deploy(each):
        subject = _subject(each)
        return f"{subject[0].upper()}{subject[1:]} was {_done(each)}"
    if each.kind == "configuration":
        return "driftline's configuration of the model was changed"
    if each.kind == "rebaseline":
        return f"{plain(each.by)} set a new baseline"
    if each.kind == "maintenance":
        name = f" ({plain(each.text)})" if each.text else ""
        return f"A maintenance{name} began"
    return f"{plain(each.by)} noted '{plain(each.text)}'"


def _before(ms: int) -> str:
    """Return a span as people say it.

    Examples
    --------
    >>> _before(180_000), _before(5_000), _before(90 * 60_000), _before(60_000)
    ('3 minutes', '5 seconds', '90 minutes', '60 seconds')
    """
    for name, unit_ms in _UNITS:
        if ms >= 2 * unit_ms:
            return f"{ms // unit_ms} {name}s"
    return "1 second"
