"""A picture of what was found, as SVG without any library: three panels over one axis of time."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from driftline.events.cloudevents import epoch_ms, rfc3339
from examples.electricity.market import VICTORIAN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from examples.electricity.scenario import Outcome

WIDTH, LEFT, RIGHT = 860, 60, 110
PANEL, GAP, TOP, BOTTOM = 150, 46, 30, 30
COLOURS = ("#0072b2", "#d55e00", "#009e73")
QUARTER_HOURS = 24 * 91

Points = list[tuple[int, float]]


class Panel(NamedTuple):
    """One panel.

    Attributes
    ----------
    title : str
    series : dict of str to Points
        By name; time in ms.
    low, high : float
        Ends of the vertical axis.
    marks : dict of str to float
        Horizontal lines.
    """

    title: str
    series: dict[str, Points]
    low: float
    high: float
    marks: dict[str, float]


def draw(outcome: Outcome) -> str:
    """Return the picture."""
    panels = _panels(outcome)
    times = [time for panel in panels for points in panel.series.values() for time, _ in points]
    begin, end = min(times), max(times)
    height = TOP + len(panels) * (PANEL + GAP) - GAP + BOTTOM

    def x(time: int) -> float:
        return LEFT + (time - begin) / (end - begin) * (WIDTH - LEFT - RIGHT)

    opened = x(epoch_ms(outcome.openings[0].opened))
    size = f'viewBox="0 0 {WIDTH} {height}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
    ]
    for i, panel in enumerate(panels):
        top = TOP + i * (PANEL + GAP)
        parts += _panel(panel, top, [(x(time), rfc3339(time)[:7]) for time in _ticks(begin, end)])
        parts += _lines(panel, top, {name: [(x(t), v) for t, v in line] for name, line in panel.series.items()})
    parts.append(
        f'<line x1="{opened:.1f}" x2="{opened:.1f}" y1="{TOP}" y2="{height - BOTTOM}" stroke="#444" '
        'stroke-dasharray="4 3"/>'
    )
    parts.append(f'<text x="{opened + 4:.1f}" y="{TOP + PANEL / 2:.1f}" fill="#444">the other market opens</text>')
    return "\n".join([*parts, "</svg>", ""])


def _panels(outcome: Outcome) -> list[Panel]:
    psi: dict[str, Points] = {}
    for window in outcome.events.verdicts():
        for column in window["columns"]:
            if "psi" in column["distances"]:
                points = psi.setdefault(column["name"], [])
                points.append((epoch_ms(window["window"]["end"]), column["distances"]["psi"]["corrected"]))
    baseline = next(e["baseline"]["accuracy"] for e in outcome.events.performance if e["baseline"])
    accuracy = [(epoch_ms(window.end), window.accuracy) for window in outcome.measured]
    gate = {"matters": 0.1}
    return [
        _psi_panel("PSI (corrected) of the Victorian columns, by day", {name: psi[name] for name in VICTORIAN}, gate),
        _psi_panel(
            "PSI (corrected) of price and demand in New South Wales, and of the hour, by day",
            {name: psi[name] for name in ("nswprice", "nswdemand", "period")},
            gate,
        ),
        Panel("Accuracy of the frozen model, by week", {"accuracy": accuracy}, 0.4, 1.0, {"training": baseline}),
    ]


def _psi_panel(title: str, series: dict[str, Points], marks: dict[str, float]) -> Panel:
    greatest = max(value for points in series.values() for _, value in points)
    return Panel(title, series, 0.0, greatest * 1.05, marks)


def _ticks(begin: int, end: int) -> range:
    step = QUARTER_HOURS * 3_600_000
    return range(begin, end + 1, step)


def _y(panel: Panel, top: float, value: float) -> float:
    share = (min(max(value, panel.low), panel.high) - panel.low) / (panel.high - panel.low)
    return top + PANEL * (1 - share)


def _panel(panel: Panel, top: float, ticks: Sequence[tuple[float, str]]) -> list[str]:
    right, bottom = WIDTH - RIGHT, top + PANEL
    parts = [
        f'<text x="{LEFT}" y="{top - 8}" font-weight="bold">{panel.title}</text>',
        f'<rect x="{LEFT}" y="{top}" width="{right - LEFT}" height="{PANEL}" fill="none" stroke="#bbb"/>',
    ]
    for share in (0.0, 0.5, 1.0):
        value = panel.low + share * (panel.high - panel.low)
        y = _y(panel, top, value)
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end" fill="#666">{value:.2g}</text>')
    parts += [
        f'<text x="{x:.1f}" y="{bottom + 14}" text-anchor="middle" fill="#666" font-size="10">{text}</text>'
        for x, text in ticks
    ]
    for name, value in panel.marks.items():
        y = _y(panel, top, value)
        parts.append(f'<line x1="{LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}" stroke="#999" stroke-width="0.8"/>')
        parts.append(f'<text x="{right + 6}" y="{y + 4:.1f}" fill="#999">{name}</text>')
    return parts


def _lines(panel: Panel, top: float, series: dict[str, list[tuple[float, float]]]) -> list[str]:
    parts = []
    for i, (name, line) in enumerate(series.items()):
        points = " ".join(f"{x:.1f},{_y(panel, top, value):.1f}" for x, value in line)
        colour = COLOURS[i % len(COLOURS)]
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.4"/>')
        parts.append(f'<text x="{WIDTH - RIGHT + 6}" y="{top + 30 + 16 * i}" fill="{colour}">{name}</text>')
    return parts
