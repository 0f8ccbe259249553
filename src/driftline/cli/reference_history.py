"""The history of a reference in the terminal: how long, how many panes, and the hours of the week as a strip."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from rich.text import Text

from driftline.config.durations import Duration
from driftline.config.model import CheckSettings
from driftline.events.cloudevents import rfc3339
from driftline.profiles.season import HOURS
from driftline.sketches.grouping import checked_grouping

if TYPE_CHECKING:
    from collections.abc import Iterator

    from driftline.profiles.history import History
    from driftline.profiles.profile import Profile

_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_SHADES: Final = "·▁▂▃▄▅▆▇█"


def history_lines(profile: Profile) -> Iterator[Text]:
    """Yield one or two lines about the time span of the reference."""
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
    """Yield a row of 24 shades per weekday: the rows per hour; a dot for an hour without data."""
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


def dispersion_of(profile: Profile, index: int) -> list[dict[str, Any]]:
    """Return a column's estimated overdispersion between windows, for each window length.

    λ̄ is the mean design effect of a typical window: by how many times its shares vary more than those of independent
    events. Against the same hours of the week where those are known, else against all of the reference.
    """
    from driftline.significance.dispersion import estimate

    history = profile.history
    if history is None:
        return []
    counts = profile.reference.counts[profile.layout.places[index].bins]
    _, unions = checked_grouping(profile.columns[index], counts, CheckSettings().bins)
    estimates = []
    for window_ms in history.windows_ms:
        seasonless = history.sums(index, window_ms, seasonless=True)
        sums = seasonless or history.sums(index, window_ms)
        if sums is None:
            continue
        dispersion = estimate(sums, unions, source="reference")
        estimates.append(
            {
                "window_ms": window_ms,
                "lambda_bar": dispersion.lambda_bar,
                "status": dispersion.status,
                "n_windows": dispersion.n_windows,
                "by_hour_of_week": seasonless is not None,
            }
        )
    return estimates


def dispersion_line(profile: Profile, index: int) -> Text | None:
    """Return the overdispersion as one line; None where it is not known."""
    estimates = dispersion_of(profile, index)
    if not estimates:
        return None
    against = (
        "against the same hours of the week" if estimates[0]["by_hour_of_week"] else "against all of the reference"
    )
    shown = ", ".join(
        f"{Duration(each['window_ms'])} λ̄ {each['lambda_bar']:.3g}"
        + ("" if each["status"] == "settled" else f" ({each['status']}, {each['n_windows']} windows)")
        for each in estimates
    )
    return Text(f"  windows of {shown}, {against}", style="dim")


def history_object(history: History | None) -> dict[str, Any] | None:
    """Return the history as an object for JSON."""
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
    weeks = history.weeks.unpacked()
    least, most = int(weeks[weeks > 0].min(initial=history.n_weeks)), history.n_weeks
    seen = f"{most}" if least == most else f"{least} to {most}"
    return f"each in {seen} week{'' if most == 1 else 's'}"
