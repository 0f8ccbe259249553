"""``driftline explain-budget``: the tests, levels and detectable changes that follow from a false-alarm budget."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from driftline.cli.app import app
from driftline.cli.common import ConfigOption, out, read_settings
from driftline.errors import ParameterError

if TYPE_CHECKING:
    from rich.table import Table

    from driftline.checks.early_sizes import EarlySize
    from driftline.checks.error_budget_explained import DetectableSize, Explanation, Reference
    from driftline.config.settings import Settings

COLUMNS = 20
"""Columns where neither a number nor a profile is given."""


@app.command("explain-budget")
def explain_budget(
    config: ConfigOption = None,
    model: Annotated[
        str | None, typer.Option("--model", "-m", help="The model; by default the settings of all models.")
    ] = None,
    columns: Annotated[
        int | None,
        typer.Option("--columns", min=1, help=f"Features, prediction and score. Default: {COLUMNS}."),
    ] = None,
    profile: Annotated[
        Path | None, typer.Option("--profile", help="A .profile, for its columns and its number of events.")
    ] = None,
    reference_events: Annotated[
        int | None,
        typer.Option("--reference-events", min=1, help="Events of the reference. Default: those of a bootstrap."),
    ] = None,
    dispersion: Annotated[
        float,
        typer.Option(
            "--dispersion", min=1.0, help="Overdispersion: variance of counts relative to independent events."
        ),
    ] = 1.0,
    json_output: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Print the number of tests, the significance level of each, and the smallest changes that they detect.

    The budget bounds the expected number of false pages; a smaller budget makes the smallest detectable changes larger.
    """
    from driftline.checks.contract.error_budget import ErrorBudget
    from driftline.checks.error_budget_explained import explained

    settings = read_settings(config)
    name, reference = _reference(settings, model, columns, profile, reference_events, dispersion)
    report = explained(ErrorBudget.of(settings, name or ""), reference, pane_ms=int(settings.time.pane))
    if json_output:
        out.print(msgspec.json.encode(report).decode(), markup=False)
        return
    _print(name, report)


def _reference(
    settings: Settings,
    model: str | None,
    columns: int | None,
    file: Path | None,
    reference_events: int | None,
    dispersion: float,
) -> tuple[str | None, Reference]:
    """Return the model's name and what its windows are compared with."""
    from driftline.checks.error_budget_explained import Reference
    from driftline.runtime.references.profile_files import read_profile

    if file is None:
        n_events = reference_events or settings.model(model or "").bootstrap.events
        return model, Reference(n_columns=columns or COLUMNS, n_events=n_events, dispersion=dispersion)
    if columns is not None or reference_events is not None:
        raise ParameterError(
            "neither --columns nor --reference-events beside --profile", columns or reference_events, "--profile"
        )
    profile = read_profile(file)
    reference = Reference(n_columns=len(profile.columns), n_events=profile.n_events, dispersion=dispersion)
    return model or profile.key.model, reference


def _print(name: str | None, report: Explanation) -> None:
    k_of_n = f"{report.findings_to_open} finding{'s' if report.findings_to_open > 1 else ''} of one check"
    within = f" in {report.within_windows} windows" if report.within_windows > 1 else ""
    out.print(f"Budget of {name or 'every model'}: false pages {report.budget}", style="bold", markup=False)
    out.print(
        f"A page needs, and uses up, {k_of_n}{within}. {report.n_columns} columns, {report.n_tests:,} tests.\n"
        f"Reference of {report.n_reference:,} events, dispersion {report.dispersion:g}, {report.n_groups} groups.\n",
        markup=False,
    )
    out.print(_levels(report))
    out.print(
        f"\nSmallest changes detected in {report.power:.0%} of the windows that contain them. A number in brackets is "
        "what the test alone\ndetects; the first number also reaches the threshold for practical significance "
        f"(PSI {report.min_psi:g}, shares {report.min_share_change:g}).\n",
        markup=False,
    )
    out.print(_sizes(report))
    if report.early:
        out.print(
            "\nSmallest changes that the e-detectors of the columns find in time, in about half of all cases. A number "
            "in brackets is what\nthe detector alone finds; the first number also matters (`min_mean_shift`, "
            "`min_spread_change`, `min_share_change`).\n",
            markup=False,
        )
        out.print(_early(report))


def _levels(report: Explanation) -> Table:
    from rich.table import Table

    table = Table("what", "share", "false pages", "windows", "tests per window", "level of each test")
    for each in report.spenders:
        tests = " + ".join(f"{n} {what}" for what, n in each.tests.items())
        level = "bounds its false pages" if each.level is None else f"{each.level:.2g}"
        windows = f"{each.n_windows:,}" if each.n_windows else ""
        table.add_row(each.spender, f"{each.share:.3g}", f"{each.pages:.3g}", windows, tests, level)
    return table


def _sizes(report: Explanation) -> Table:
    from rich.table import Table

    first = report.detectable[0].sizes
    table = Table("window", "events", *(_heading(size) for size in first))
    for each in report.detectable:
        table.add_row(each.spender, f"{each.n:,}", *(_cell(size) for size in each.sizes))
    return table


def _early(report: Explanation) -> Table:
    from rich.table import Table

    first = report.early[0].sizes
    table = Table("events an hour", "within", *(_heading(size) for size in first))
    for each in report.early:
        hours, minutes = divmod(each.minutes, 60)
        within = f"{hours} h" if hours else f"{minutes} min"
        cells = (_of_size(size.from_share, size.found, size.by_detector) for size in each.sizes)
        table.add_row(f"{each.events_per_hour:,}", within, *cells)
    return table


def _heading(size: DetectableSize | EarlySize) -> str:
    if size.change == "spread_change":
        return "spread, larger by"
    if size.change == "psi":
        return "PSI"
    return "mean, in sd" if size.from_share is None else f"share from {size.from_share:.0%} to"


def _cell(size: DetectableSize) -> str:
    return _of_size(size.from_share, size.found, size.by_test)


def _of_size(from_share: float | None, found: float | None, alone: float | None) -> str:
    """Return a size, and in brackets what would be found alone, whether it matters or not."""
    if found is None:
        return "none"
    if from_share is not None:
        to, by_test = f"{from_share + found:.2%}", f"{from_share + (alone or 0.0):.2%}"
    else:
        to, by_test = f"{found:.2g}", f"{alone or 0.0:.2g}"
    return to if to == by_test else f"{to} ({by_test})"
