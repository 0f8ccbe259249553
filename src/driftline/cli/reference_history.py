"""The history of a reference in the terminal: how long, how many panes, and the hours of the week as a strip."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from rich.text import Text

from driftline.config.durations import Duration
from driftline.events.cloudevents import rfc3339
from driftline.profiles.season import HOURS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from driftline.profiles.history import History
    from driftline.profiles.profile import Profile

_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_SHADES: Final = "·▁▂▃▄▅▆▇█"


def history_lines(profile: Profile) -> Iterator[Text]:
    """Yield how the reference lies in time, in a line or two."""
    if profile.decay is not None:
        yield Text(
            f"  half-life {Duration(profile.decay.half_life_ms)}: {profile.decay.n_events} rows weigh as many as "
            f"{profile.n_events} of equal weight"
        )
    history = profile.history
    if history is None:
        yield Text("  no event times: no history", style="dim")
        return
    yield Text(
        f"  history {rfc3339(history.first_ms)} to {rfc3339(history.last_ms)}: {history.n_panes} panes of "
        f"{Duration(history.pane_ms)}, {history.n_hours} of {HOURS} hours of the week, {_weeks(history)}"
    )


def week_strip(history: History) -> Iterator[Text]:
    """Yield a row of 24 shades a day: rows an hour in the weeks that it was seen in; a dot where it was not."""
    weeks, events = history.weeks.unpacked().tolist(), history.events.unpacked().tolist()
    rates = [n / seen if seen else 0.0 for n, seen in zip(events, weeks, strict=True)]
    top = max(rates) or 1.0
    yield Text()
    yield Text.assemble(("hours of the week", "bold"), f"  (rows an hour, UTC; █ is {top:,.4g})")
    for day, name in enumerate(_DAYS):
        slots = range(24 * day, 24 * day + 24)
        strip = "".join(_SHADES[max(1, round(8 * rates[slot] / top))] if weeks[slot] else _SHADES[0] for slot in slots)
        yield Text.assemble(f"  {name} ", (strip, "cyan"))
    yield Text("      0     6     12    18", style="dim")


def history_object(history: History | None) -> dict[str, Any] | None:
    """Return the history for programs."""
    if history is None:
        return None
    return {
        "pane_ms": history.pane_ms,
        "n_panes": history.n_panes,
        "n": history.n_events,
        "first": rfc3339(history.first_ms),
        "last": rfc3339(history.last_ms),
        "weeks": history.n_weeks,
        "weeks_by_hour": history.weeks.unpacked().tolist(),
        "rows_by_hour": history.events.unpacked().tolist(),
    }


def _weeks(history: History) -> str:
    known = history.weeks.unpacked()
    least, most = int(known[known > 0].min(initial=history.n_weeks)), history.n_weeks
    seen = f"{most}" if least == most else f"{least} to {most}"
    return f"each in {seen} week{'' if most == 1 else 's'}"
