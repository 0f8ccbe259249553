"""When the first checks come: the rate of events, and how long a reference is learnt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from driftline.inspection.report import Line, note, ok, span
from driftline.inspection.times import shown_time

if TYPE_CHECKING:
    from driftline.config.settings import Settings
    from driftline.inspection.sample import TopicSample
    from driftline.inspection.taken import Taken

_LONG_MS: Final = 14 * 86_400_000
_SHORT_MS: Final = 10_000
"""Shorter than this, events say nothing about their rate."""
_HOUR_MS: Final = 3_600_000
_NOTIFYING: Final = "alerts on columns a day later at the earliest"
"""The normal variation is learnt for at least a day before columns notify anybody."""


def outlook_lines(sample: TopicSample, taken: Taken, settings: Settings) -> list[Line]:
    """Return how many events come and when the checks begin where no reference is published."""
    if not len(taken.times_ms):
        return []
    first, last = int(taken.times_ms.min()), int(taken.times_ms.max())
    n_read = max(1, taken.n_records)
    n_events = round(sample.n_records * len(taken.times_ms) / n_read)
    if last - first < _SHORT_MS:
        return []
    per_hour = n_events / (last - first) * _HOUR_MS
    lines = [ok(f"about {per_hour:,.0f} events an hour over {span(last - first)}")]
    models = dict.fromkeys(zip(taken.events.models, taken.events.versions, strict=True))
    for name, version in list(models)[:3]:
        lines.append(_learning(name, version, taken, settings, (n_events, first, last)))
    return lines


def _learning(name: str, version: str, taken: Taken, settings: Settings, events: tuple[int, int, int]) -> Line:
    n_events, first, last = events
    learning = settings.model(name).bootstrap
    shown = f"{name} {version}".strip()
    if not learning.enabled:
        return note(f"{shown} waits for a reference: `driftline reference build`, then `reference publish`")
    share = sum(each == (name, version) for each in zip(taken.events.models, taken.events.versions, strict=True)) / len(
        taken.times_ms
    )
    needed = learning.sample + learning.events
    there = n_events * share
    if there >= needed:
        at = first + (last - first) * needed / there
        return ok(
            f"{shown}: without a published reference {needed:,} events are learnt first; the topic holds as many, so "
            f"that checks begin at about {shown_time(at)} in event time; {_NOTIFYING}"
        )
    wait = (last - first) * needed / there
    text = (
        f"{shown}: without a published reference {needed:,} events are learnt first, {span(wait)} at this rate; first "
        f"checks at about {shown_time(first + wait)}; {_NOTIFYING}"
    )
    return (
        ok(text) if wait < _LONG_MS else note(text, "Publish a reference to begin at once: `driftline reference build`")
    )
