"""``driftline rebaseline``: what production looks like is the new normal, for all columns or some of them."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from driftline.cli.app import app
from driftline.cli.common import (
    BrokersOption,
    ConfigOption,
    PrefixOption,
    err,
    out,
    overrides,
    read_credentials,
    read_settings,
)
from driftline.cli.control_options import (
    AnyVersionOption,
    ByOption,
    CommentOption,
    DryRunOption,
    ForceOption,
    IdOption,
    WaitOption,
)
from driftline.cli.control_sending import Sender, publish_reference, require_known
from driftline.cli.moments import NOW, as_moment, moment_ms, now_ms
from driftline.cli.reference_options import TheModelOption
from driftline.cli.reference_production import events_source
from driftline.cli.reference_rows import profile_remarks, tell_remarks
from driftline.errors import ParameterError, ProfileError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from driftline.config.settings import Settings
    from driftline.events.model_key import ModelKey
    from driftline.profiles.profile import Profile
    from driftline.profiles.profiles import Profiles
    from driftline.runtime.references.production_events import EventSelection


class _Built(NamedTuple):
    """The new profile."""

    profile: Profile
    columns: list[str]
    """Those that are new in it; all if empty."""
    remarks: list[str]


@app.command()
def rebaseline(
    model: TheModelOption,
    start: Annotated[
        str,
        typer.Option(
            "--from",
            metavar="TIME",
            help="First event time of the span: RFC 3339, or a duration from now such as `-7d`.",
            show_default=False,
        ),
    ],
    end: Annotated[str, typer.Option("--to", metavar="TIME", help="Event time to stop before, as --from.")] = NOW,
    version: AnyVersionOption = None,
    columns: Annotated[
        list[str] | None,
        typer.Option(
            "--columns",
            metavar="A,B",
            help="Columns to take from the span, the others stay as they are; may be repeated. By default all.",
            show_default=False,
        ),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(
            "--at",
            metavar="TIME",
            help="Event time from which the new reference holds; by default the earliest that is allowed, a minute "
            "beyond `time.max_future` from now.",
            show_default=False,
        ),
    ] = None,
    events: Annotated[
        Path | None,
        typer.Option(
            "--events",
            metavar="FILE",
            help="Prediction events, one JSON object a line (.gz too); by default the predictions topic.",
            show_default=False,
        ),
    ] = None,
    comment: CommentOption = None,
    by: ByOption = None,
    id_: IdOption = None,
    dry_run: DryRunOption = False,
    wait: WaitOption = True,
    force: ForceOption = False,
    config: ConfigOption = None,
    brokers: BrokersOption = None,
    prefix: PrefixOption = None,
) -> None:
    """Take a span of production traffic for the new normal: publish its profile, and resolve alerts about its columns.

    The profile's performance and its columns that are not named stay those of the reference that holds now.
    """
    from driftline.cli.reference_view import summary
    from driftline.events.control import Rebaseline
    from driftline.profiles.effective import effective_from, shown
    from driftline.profiles.profiles import Profiles
    from driftline.runtime.references.production_events import EventSelection
    from driftline.runtime.references.reference_topic import published_profiles

    now = now_ms()
    start_ms, end_ms = moment_ms(start, "--from", now), moment_ms(end, "--to", now)
    if start_ms >= now and not force:
        raise ParameterError("a time that has passed, such as `-7d` for seven days ago", start, "--from")
    if end_ms <= start_ms:
        raise ParameterError("a time after --from", end, "--to")
    settings = read_settings(config, overrides(brokers=brokers, prefix=prefix))
    wanted_ms = None if at is None else moment_ms(at, "--at", now)
    max_future_ms = int(settings.time.max_future)
    at_ms = effective_from(wanted_ms, now, max_future_ms, at="--at")
    sender, credentials = Sender(settings, by, id_, dry_run=dry_run, wait=wait), read_credentials(settings)
    published = Profiles(published_profiles(settings.kafka, credentials))
    require_known(settings, model, {profile.key for profile in published.all()}, force=force)
    key = _key(published, model, version, settings)
    selection = EventSelection(key, start_ms, end_ms, settings.model(model).positive_class)
    built = _built(settings, selection, published.at(key, at_ms), columns, at_ms, events)
    for part in summary(built.profile):
        (err if dry_run else out).print(part)
    tell_remarks(built.remarks)
    # What counts is the moment of publication, and building took its time.
    at_ms = effective_from(wanted_ms, now_ms(), max_future_ms, at="--at")
    profile = replace(built.profile, effective_from_ms=at_ms)
    command = Rebaseline(
        by=sender.by,
        id=sender.id,
        at=as_moment(at_ms),
        comment=comment,
        model=model,
        model_version=key.version,
        profile_id=profile.profile_id,
        columns=built.columns,
    )
    sender.check(command)
    publish_reference(settings, profile, dry_run=dry_run)
    what = ", ".join(built.columns) or "all columns"
    sender.send(command, f"{what} of {key} as between {shown(start_ms)} and {shown(end_ms)} from {shown(at_ms)} on")


def _key(published: Profiles, model: str, version: str | None, settings: Settings) -> ModelKey:
    """Return model and version; without a version the only one that has a reference."""
    from driftline.events.model_key import ModelKey

    if version is not None:
        return ModelKey(model, version)
    versions = sorted({profile.key.version for profile in published.all() if profile.key.model == model})
    if len(versions) != 1:
        listed = ", ".join(map(repr, versions)) or "none"
        message = (
            f"Expected one version of `{model}` with a reference, got {listed} - at "
            f"`{settings.kafka.topic('references')}`. Name it with --version"
        )
        raise ProfileError(message)
    return ModelKey(model, versions[0])


def _built(
    settings: Settings,
    selection: EventSelection,
    standing: Profile | None,
    columns: Sequence[str] | None,
    at_ms: int,
    events: Path | None,
) -> _Built:
    """Build the new profile."""
    from driftline.events.prediction import fields_beside
    from driftline.profiles.building.production import ProductionOptions, build_from_production
    from driftline.profiles.building.rebaseline import rebaselined

    key = selection.key
    if standing is None and columns:
        message = (
            f"Expected a published reference of `{key}`, of which the other columns stay, got none - at "
            f"`{settings.kafka.topic('references')}`. Leave --columns out to take all from the span"
        )
        raise ProfileError(message)
    chosen = settings.model(key.model)
    reader, read = events_source(settings, events, selection)
    names: list[str] = []
    how = ProductionOptions(int(settings.time.pane), not_features=fields_beside(settings.predictions.fields))
    with err.status("reading twice") if err.is_terminal else nullcontext():
        if standing is None:
            profile = build_from_production(key, read, chosen, at_ms, how)
            remarks = [f"no reference of {key} is published: all columns are new, and there is no baseline performance"]
        else:
            wanted = None if columns is None else _names(columns, standing)
            profile, names, remarks = rebaselined(standing, read, chosen, at_ms, how, wanted)
    if reader.n_refused:
        remarks.append(f"{reader.n_refused} records are not prediction events: they are left out")
    is_all = len(names) == len(profile.columns)
    return _Built(profile, [] if is_all else names, [*remarks, *profile_remarks(profile, settings)])


def _names(given: Sequence[str], standing: Profile) -> list[str]:
    """Return the columns that are named; a text with commas is a list, unless a column is called so."""
    known = {name for column in standing.columns for name in (column.name, column.feature)}
    split = [[text] if text in known else text.split(",") for text in given]
    return [name.strip() for names in split for name in names if name.strip()]
