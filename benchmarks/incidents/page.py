"""The table of all scenarios, and the section of docs/alerts.md that shows each alert as it came."""

from __future__ import annotations

import os
import textwrap
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.incidents.judge import Result
    from benchmarks.incidents.splits import Splits

PAGE: Final = Path(__file__).parents[2] / "docs" / "alerts.md"
BEGIN, END = "<!-- incidents: written by `make bench-incidents` -->", "<!-- end of the incidents -->"
SUM_LIMIT: Final = 1e-9
_HEAD: Final = (
    "| | scenario | pages | cause named on the page | right | onset error | delay |",
    "| ---: | --- | ---: | --- | --- | ---: | ---: |",
)


def table(results: Sequence[Result]) -> list[str]:
    """Return the table, a row a scenario; onset errors are in panes, delays in hours of event time."""
    return [*_HEAD, *(_row(result) for result in results)]


def _row(result: Result) -> str:
    scenario, page = result.scenario, result.page
    cause = "" if page is None else f"{page['root']}: {_cell(page['title'])}"
    error = "" if result.onset_error is None or not scenario.abrupt else f"{result.onset_error:.1f}"
    delay = "" if result.delay_h is None else f"{result.delay_h:.1f}"
    right = "yes" if result.is_right else "NO"
    return f"| {scenario.number} | {scenario.happens} | {len(result.pages)} | {cause} | {right} | {error} | {delay} |"


def foot(results: Sequence[Result], splits: Splits) -> list[str]:
    """Return what stands below the table."""
    named = [each for each in results if each.scenario.roots]
    n_one = sum(len(each.pages) == 1 for each in named)
    n_named = sum(each.is_named for each in named)
    n_right = sum(each.is_right for each in named)
    quiet = sum(len(each.pages) for each in results if not each.scenario.roots)
    holds = "add up" if splits.worst <= SUM_LIMIT else "DO NOT ADD UP"
    counted = f"{n_one} made exactly one page, {n_named} pages name the cause, and {n_right} are right in all"
    n_splits = (
        f"{splits.n_by_segment:,} by segment (mix and within) and {splits.n_by_score:,} by score (data and concept)"
    )
    where = f"in events of {len(splits.models)} models; the worst is off by {splits.worst:.1g}"
    return [
        f"Of {len(named)} incidents {counted}; what needs no page made {quiet}.",
        "",
        f"The splits of performance {holds} to the observed change: {n_splits}, {where}.",
    ]


def origin(seconds: float, n_records: int, *, in_process: bool) -> str:
    """Return where the figures come from."""
    day = time.strftime("%Y-%m-%d", time.gmtime())
    if in_process:
        return f"Run of {day}, both stages in one process: {seconds:,.0f} s."
    return (
        f"Run of {day}, `make bench-incidents`: a real Kafka, two sketch workers and three detect workers on "
        f"{os.cpu_count()} cores; {n_records:,} records of all models side by side, evaluated in {seconds:,.0f} s."
    )


def alerts(results: Sequence[Result]) -> list[str]:
    """Return each scenario with the title and the sentence of its page."""
    lines: list[str] = []
    for result in results:
        if result.page is None:
            continue
        page, final = result.page, result.final
        lines += [f"**{result.scenario.number}. {_capital(result.scenario.happens)}.**", ""]
        lines += [f"> `{page['title']}` ({page['severity']})", ">", *_quoted(page["sentence"]), ""]
        if final is not None and final["root"] != page["root"]:
            lines += [f"Later: `{final['title']}`.", ""]
    return lines


def write(lines: Sequence[str]) -> None:
    """Write the section into the page, between its marks."""
    text = PAGE.read_text(encoding="utf-8")
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    PAGE.write_text(f"{head}{BEGIN}\n\n" + "\n".join(lines).strip() + f"\n\n{END}{tail}", encoding="utf-8")


def _quoted(text: str) -> list[str]:
    return textwrap.wrap(text, 120, initial_indent="> ", subsequent_indent="> ", break_long_words=False)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
