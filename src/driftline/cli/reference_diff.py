"""``driftline reference diff``: what changed from one profile to another."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.table import Table
from rich.text import Text

from driftline.cli.common import (
    BrokersOption,
    ConfigOption,
    PrefixOption,
    out,
    overrides,
    quiet_logs,
    read_credentials,
    read_settings,
)
from driftline.cli.reference import app
from driftline.cli.reference_view import percent, short
from driftline.errors import ProfileError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import RenderableType

    from driftline.cli.profile_comparison import ColumnChange, ProfileComparison, ValuePair
    from driftline.config.settings import Settings
    from driftline.profiles.profile import Profile

FirstArgument = Annotated[
    str, typer.Argument(metavar="BEFORE", help="A .profile file, or the id of a published one.", show_default=False)
]
SecondArgument = Annotated[
    str, typer.Argument(metavar="AFTER", help="A .profile file, or the id of a published one.", show_default=False)
]


@app.command("diff")
def diff(
    before: FirstArgument,
    after: SecondArgument,
    json_output: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    config: ConfigOption = None,
    brokers: BrokersOption = None,
    prefix: PrefixOption = None,
) -> None:
    """Compare two profiles: what came and went, and which columns moved, the most important first."""
    from driftline.cli.profile_comparison import compare_profiles

    settings = read_settings(config, overrides(brokers=brokers, prefix=prefix))
    comparison = compare_profiles(*_profiles(settings, before, after))
    if json_output:
        out.print(msgspec.json.encode(comparison).decode(), markup=False, soft_wrap=True)
        return
    for part in drawn(comparison):
        out.print(part)


def _profiles(settings: Settings, *names: str) -> Iterator[Profile]:
    """Yield the profiles of files and of ids; the topic is read once, where an id is named."""
    from driftline.runtime.references.profile_files import is_profile, read_profile
    from driftline.runtime.references.reference_topic import published_profiles

    published: dict[str, Profile] | None = None
    for name in names:
        if is_profile(Path(name)):
            yield read_profile(name)
            continue
        if published is None:
            quiet_logs(settings)
            found = published_profiles(settings.kafka, read_credentials(settings))
            published = {profile.profile_id: profile for profile in found}
        if name not in published:
            known = ", ".join(published) or "none"
            topic = settings.kafka.topic("references")
            message = f"Expected a .profile file or the id of a published profile, got `{name}` - at `{topic}`"
            raise ProfileError(f"{message}, which holds {known}")
        yield published[name]


def drawn(comparison: ProfileComparison) -> Iterator[RenderableType]:
    """Yield a header, what changed in the task, and a table of the columns."""
    yield Text.assemble(
        (comparison.before, "bold"),
        f" ({comparison.n_before} rows) to ",
        (comparison.after, "bold"),
        f" ({comparison.n_after} rows)",
    )
    for sentence in comparison.task:
        yield Text(f"  {sentence}", style="yellow")
    same = sum(change.status == "same" for change in comparison.columns)
    weighted = len({change.importance for change in comparison.columns}) > 1
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("column", overflow="fold", min_width=10)
    table.add_column("change", no_wrap=True)
    for name in (
        ("weight", "PSI", "JS", "KS", "mean", "missing") if weighted else ("PSI", "JS", "KS", "mean", "missing")
    ):
        table.add_column(name, justify="right", no_wrap=True)
    for change in comparison.columns:
        if change.status != "same":
            table.add_row(*_row(change, weighted=weighted))
    if table.row_count:
        yield table
    if same:
        yield Text(f"{same} column{'' if same == 1 else 's'} without any change", style="dim")
    if not all(change.exact for change in comparison.columns):
        yield Text("~ the grids differ: values inside a bin are taken as spread evenly", style="dim")


def _row(change: ColumnChange, *, weighted: bool) -> list[Text]:
    about = "" if change.exact else "~"
    effects = (change.psi, change.jensen_shannon, change.kolmogorov_smirnov)
    return [
        Text(change.name),
        Text("retyped" if change.status == "kind" else change.status),
        *([Text(f"{change.importance:g}")] if weighted else []),
        *(Text("" if value is None else f"{about}{value:.3f}", style=_style(value)) for value in effects),
        Text(_shown(change.mean, short)),
        Text(_shown(change.missing, percent)),
    ]


def _style(value: float | None) -> str:
    return "" if value is None or value < 0.1 else "bold"  # noqa: PLR2004  # what is usually taken for a change


def _shown(change: ValuePair | None, form: Callable[[float], str]) -> str:
    if change is None:
        return ""
    known = dict.fromkeys(form(value) for value in (change.before, change.after) if value is not None)
    return "→".join(known)
