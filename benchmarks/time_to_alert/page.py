"""The tables of a run, and the section of docs/time-to-alert.md that holds them."""

from __future__ import annotations

import os
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks.time_to_alert.population import SEASONAL
from benchmarks.time_to_alert.reactions import PARTS, quantile

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.time_to_alert.reactions import Reaction
    from benchmarks.time_to_alert.run import Done

PAGE: Final = Path(__file__).parents[2] / "docs" / "time-to-alert.md"
BEGIN, END = "<!-- times: written by `make bench-time-to-alert` -->", "<!-- end of the times -->"


def lines(done: Done) -> list[str]:
    """Return the section: what was run, the times and their parts, and how many panes it took."""
    reactions = done.outcome.reactions
    return [*_origin(done), "", *_times(reactions), "", *_panes(reactions)]


def _origin(done: Done) -> Iterator[str]:
    plan, sent, found = done.plan, done.sent, done.outcome
    day = time.strftime("%Y-%m-%d", time.gmtime())
    yield (
        f"Run of {day} on {os.cpu_count()} cores, broker and sender included; load {done.loads[0]:.1f} before the run, "
        f"{done.loads[1]:.1f} at its end."
    )
    yield (
        f"{plan.n_models} models, {plan.at_once} at any time, {plan.rate:g} events a second each: "
        f"{sent.n_events:,} events in {sent.seconds:,.0f} s, each sent at most {sent.latest_s * 1000:.0f} ms after its "
        f"own time."
    )
    yield f"Panes of {plan.pane}, lateness of {plan.lateness}."
    yield (
        f"The sketch worker used {done.cores['sketch']:.0%} of a core, the detect worker {done.cores['detect']:.0%}."
    )
    yield (
        f"Of {len(sent.onsets)} changes {len(found.reactions)} were alerted, {len(found.missing)} were not; "
        f"{len(found.early)} alerts came without a change."
    )


def _times(reactions: Sequence[Reaction]) -> Iterator[str]:
    yield "| seconds | mean | median | 90 % | 99 % | longest |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: |"
    yield _row("**from the first shifted event to the alert**", [each.seconds for each in reactions])
    for place, name in enumerate(PARTS):
        yield _row(name, [each.parts_s[place] for each in reactions])


def _row(name: str, values: Sequence[float]) -> str:
    shown = [sum(values) / len(values), *(quantile(values, part) for part in (0.5, 0.9, 0.99, 1.0))]
    return f"| {name} | " + " | ".join(f"{value:.2f}" for value in shown) + " |"


def _panes(reactions: Sequence[Reaction]) -> Iterator[str]:
    groups = {
        "without a season": [each for each in reactions if each.onset.life.feature not in SEASONAL],
        "with a daily season": [each for each in reactions if each.onset.life.feature in SEASONAL],
    }
    most = max(each.panes for each in reactions)
    numbers = range(1, most + 1)
    yield "| features | changes | 99 %, s | " + " | ".join(_ordinal(number) for number in numbers) + " |"
    yield "| --- | ---: | ---: |" + " ---: |" * most
    for name, group in groups.items():
        if group:
            counts = Counter(each.panes for each in group)
            shown = " | ".join(f"{counts[number]}" for number in numbers)
            yield f"| {name} | {len(group)} | {quantile([each.seconds for each in group], 0.99):.2f} | {shown} |"


def _ordinal(number: int) -> str:
    return ("in the pane of the change", "one pane later")[number - 1] if number <= 2 else f"{number - 1} panes later"


def write(section: Sequence[str]) -> None:
    """Write the section into the page, between its marks."""
    text = PAGE.read_text(encoding="utf-8")
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    PAGE.write_text(f"{head}{BEGIN}\n\n" + "\n".join(section).strip() + f"\n\n{END}{tail}", encoding="utf-8")
