"""``driftline reference from-production``: a profile of production's events between two times."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from driftline.cli.common import (
    BrokersOption,
    ConfigOption,
    PrefixOption,
    err,
    out,
    overrides,
    quiet_logs,
    read_credentials,
    read_settings,
)
from driftline.cli.reference import app
from driftline.cli.reference_options import EffectiveOption, OutOption, TheModelOption, VersionOption
from driftline.cli.reference_rows import profile_remarks, tell_remarks
from driftline.errors import ParameterError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from driftline.config.settings import Settings
    from driftline.profiles.building.production import TimedRow
    from driftline.runtime.references.production_events import EventReader, EventSelection

EventsArgument = Annotated[
    Path | None,
    typer.Argument(
        metavar="[FILE]",
        help="Prediction events, one JSON object a line (.gz too); by default the predictions topic.",
        show_default=False,
    ),
]
StartOption = Annotated[
    str, typer.Option("--start", metavar="TIME", help="First event time: RFC 3339 or `beginning`.", show_default=False)
]
EndOption = Annotated[
    str, typer.Option("--end", metavar="TIME", help="Event time to stop before: RFC 3339.", show_default=False)
]


@app.command("from-production")
def from_production(
    model: TheModelOption,
    start: StartOption,
    end: EndOption,
    target: OutOption,
    file: EventsArgument = None,
    model_version: VersionOption = None,
    effective_from: EffectiveOption = None,
    config: ConfigOption = None,
    brokers: BrokersOption = None,
    prefix: PrefixOption = None,
) -> None:
    """Build a profile from what a model saw in production between two event times, and write it to a file."""
    from driftline.cli.reference_view import summary
    from driftline.events.features import is_within
    from driftline.events.model_key import ModelKey
    from driftline.events.prediction import fields_beside
    from driftline.profiles.building.flattening import nested_remark
    from driftline.profiles.building.production import ProductionOptions, build_from_production
    from driftline.profiles.effective import BEGINNING, parse_effective_from
    from driftline.runtime.references.production_events import EventSelection
    from driftline.runtime.references.profile_files import PROFILE_SUFFIX, write_profile

    if target.suffix != PROFILE_SUFFIX:
        raise ParameterError(f"a name that ends in {PROFILE_SUFFIX}", str(target), "--out")
    start_ms, end_ms = parse_effective_from(start, "--start"), parse_effective_from(end, "--end")
    if end_ms <= start_ms:
        raise ParameterError("a time after --start", end, "--end")
    holds_from_ms = parse_effective_from(effective_from or BEGINNING)
    settings = read_settings(config, overrides(brokers=brokers, prefix=prefix))
    chosen, key = settings.model(model), ModelKey(model, model_version or "")
    reader, read = events_source(settings, file, EventSelection(key, start_ms, end_ms, chosen.positive_class))
    beside = fields_beside(settings.predictions.fields)
    how = ProductionOptions(pane_ms=int(settings.time.pane), not_features=beside)
    with err.status("reading twice") if err.is_terminal else nullcontext():
        profile = build_from_production(key, read, chosen, holds_from_ms, how)
    remarks = []
    if reader.n_refused:
        remarks.append(f"{reader.n_refused} records are not prediction events: they are left out")
    if reader.n_others:
        remarks.append(f"{reader.n_others} events are of other models or times: they are left out")
    ignored = {name for name, column in chosen.columns.items() if column.kind == "ignore"}
    remarks += [nested_remark(name) for name in profile.left_out if not is_within(name, ignored)]
    for part in summary(profile):
        out.print(part)
    tell_remarks([*remarks, *profile_remarks(profile, settings)])
    write_profile(target, profile)
    out.print(f"written to {target}", markup=False)


def events_source(
    settings: Settings, file: Path | None, selection: EventSelection
) -> tuple[EventReader, Callable[[], Iterator[list[TimedRow]]]]:
    """Return the reader, which counts skipped records, and the function that starts reading."""
    from driftline.runtime.files.file_topics import with_file_topics
    from driftline.runtime.references.production_events import EventReader, TopicEvents

    if file is None:
        quiet_logs(settings)
        topic = TopicEvents(settings, read_credentials(settings), selection)
        return topic.reader, topic.read
    reader, path = EventReader(with_file_topics(settings), selection), file
    return reader, lambda: reader.read_file(path)
