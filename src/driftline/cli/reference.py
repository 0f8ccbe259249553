"""``driftline reference``: build profiles from training or reference rows, publish them, look at them."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from driftline.cli.app import app as root
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
from driftline.cli.reference_options import (
    DropOption,
    EffectiveOption,
    EitherArgument,
    EncodingOption,
    HalfLifeOption,
    ImportancesOption,
    LabelOption,
    MissingOption,
    ModelOption,
    OutOption,
    PredictionOption,
    RowsArgument,
    RowsOptions,
    ScoreOption,
    SeparatorOption,
    SqlOption,
    StrictOption,
    TheModelOption,
    TimeOption,
    TimeUnitOption,
    UriOption,
    VersionOption,
)
from driftline.cli.reference_rows import profile_of_rows, refuse_contradictions, tell_remarks
from driftline.errors import ParameterError, ProfileError

if TYPE_CHECKING:
    from driftline.config.settings import Settings
    from driftline.profiles.profile import Profile

app = typer.Typer(help="Build, publish and show the reference that a model is compared with.", no_args_is_help=True)
root.add_typer(app, name="reference")


@app.command("build")
def build(
    model: TheModelOption,
    target: OutOption,
    file: RowsArgument = None,
    model_version: VersionOption = None,
    prediction_column: PredictionOption = None,
    score_column: ScoreOption = None,
    label_column: LabelOption = None,
    time_column: TimeOption = None,
    time_unit: TimeUnitOption = None,
    drop: DropOption = None,
    half_life: HalfLifeOption = None,
    importances: ImportancesOption = None,
    separator: SeparatorOption = None,
    encoding: EncodingOption = None,
    na: MissingOption = None,
    sql: SqlOption = None,
    uri: UriOption = None,
    strict: StrictOption = False,
    effective_from: EffectiveOption = None,
    config: ConfigOption = None,
) -> None:
    """Build a profile from rows, print a summary, and write it to a file."""
    from driftline.profiles.effective import BEGINNING, parse_effective_from
    from driftline.runtime.references.profile_files import PROFILE_SUFFIX, write_profile

    if target.suffix != PROFILE_SUFFIX:
        raise ParameterError(f"a name that ends in {PROFILE_SUFFIX}", str(target), "--out")
    start_ms = parse_effective_from(effective_from or BEGINNING)
    settings = read_settings(config)
    columns = (prediction_column, score_column, label_column, time_column)
    rows = RowsOptions(*columns, drop, half_life, importances, separator, encoding, na, sql, uri, strict, time_unit)
    profile = _build(file, settings, model, model_version, rows, start_ms)
    write_profile(target, profile)
    out.print(f"written to {target}", markup=False)


@app.command("publish")
def publish(
    file: EitherArgument = None,
    model: ModelOption = None,
    model_version: VersionOption = None,
    prediction_column: PredictionOption = None,
    score_column: ScoreOption = None,
    label_column: LabelOption = None,
    time_column: TimeOption = None,
    time_unit: TimeUnitOption = None,
    drop: DropOption = None,
    half_life: HalfLifeOption = None,
    importances: ImportancesOption = None,
    separator: SeparatorOption = None,
    encoding: EncodingOption = None,
    na: MissingOption = None,
    sql: SqlOption = None,
    uri: UriOption = None,
    strict: StrictOption = False,
    effective_from: EffectiveOption = None,
    before_start: Annotated[
        bool,
        typer.Option(
            "--before-start",
            help="No worker has read events of this model yet: allow any effective time, also the beginning.",
        ),
    ] = False,
    config: ConfigOption = None,
    brokers: BrokersOption = None,
    prefix: PrefixOption = None,
) -> None:
    """Publish a profile to the references topic, so that every worker switches to it at the same event time."""
    from driftline.profiles.effective import BEGINNING_MS, parse_effective_from, shown
    from driftline.profiles.effective import effective_from as allowed
    from driftline.runtime.references.profile_files import is_profile, read_profile
    from driftline.runtime.references.reference_topic import publish as send
    from driftline.runtime.references.reference_topic import require_topic

    requested_ms = None if effective_from is None else parse_effective_from(effective_from)
    settings = read_settings(config, overrides(brokers=brokers, prefix=prefix))
    columns = (prediction_column, score_column, label_column, time_column)
    rows = RowsOptions(*columns, drop, half_life, importances, separator, encoding, na, sql, uri, strict, time_unit)
    if file is not None and is_profile(file):
        rows.refuse_with_profile(model=model, model_version=model_version)
        profile = read_profile(file)
        if requested_ms is None and profile.effective_from_ms > BEGINNING_MS:
            requested_ms = profile.effective_from_ms
    else:
        if model is None:
            raise ParameterError("--model beside rows", model, "--model")
        profile = _build(file, settings, model, model_version, rows, BEGINNING_MS)
    credentials = read_credentials(settings)
    require_topic(settings.kafka, credentials)
    start_ms = allowed(
        requested_ms, time.time_ns() // 1_000_000, int(settings.time.max_future), before_start=before_start
    )
    published = replace(profile, effective_from_ms=start_ms)
    n_records = send(settings.kafka, credentials, published)
    out.print(
        f"published {published.profile_id} for {published.key}: {published.n_events} rows, {n_records} "
        f"record{'s' if n_records != 1 else ''}, holds from {shown(start_ms)}",
        markup=False,
    )


@app.command("show")
def show(
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="A .profile; or name a model.", show_default=False)
    ] = None,
    model: ModelOption = None,
    model_version: VersionOption = None,
    profile_id: Annotated[
        str | None,
        typer.Option("--profile", metavar="ID", help="Id of the profile; by default the latest.", show_default=False),
    ] = None,
    json_output: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    config: ConfigOption = None,
    brokers: BrokersOption = None,
    prefix: PrefixOption = None,
) -> None:
    """Draw the histograms of a profile, from a file or as it was published."""
    from driftline.cli.reference_view import as_json, drawn
    from driftline.runtime.references.profile_files import read_profile

    if (file is None) == (model is None):
        raise ParameterError(
            "either a file or --model", None if file is None else str(file), "driftline reference show"
        )
    if file is not None:
        profile = read_profile(file)
    else:
        settings = read_settings(config, overrides(brokers=brokers, prefix=prefix))
        profile = _published(settings, str(model), model_version, profile_id)
    if json_output:
        out.print(as_json(profile), markup=False)
        return
    for part in drawn(profile):
        out.print(part)


def _build(
    file: Path | None,
    settings: Settings,
    model: str,
    version: str | None,
    rows: RowsOptions,
    start_ms: int,
) -> Profile:
    """Build a profile and print what it found."""
    from driftline.cli.reference_view import summary
    from driftline.events.model_key import ModelKey

    profile, remarks = profile_of_rows(file, settings, ModelKey(model, version or ""), rows, start_ms)
    for part in summary(profile):
        out.print(part)
    tell_remarks(remarks)
    refuse_contradictions(remarks, strict=rows.strict)
    return profile


def _published(settings: Settings, model: str, version: str | None, profile_id: str | None) -> Profile:
    """Return the published profile of a model with the latest effective time; print the ids of the others."""
    from driftline.profiles.effective import shown
    from driftline.runtime.references.reference_topic import published_profiles

    quiet_logs(settings)
    published = [
        profile
        for profile in published_profiles(settings.kafka, read_credentials(settings))
        if profile.key.model == model and version in {None, profile.key.version}
    ]
    chosen = [profile for profile in published if profile_id in {None, profile.profile_id}]
    if not chosen:
        asked_for = model if version is None else f"{model}@{version}"
        names = ", ".join(profile.profile_id for profile in published) or "none"
        message = (
            f"Expected a published profile of `{asked_for}`, got {names} - at `{settings.kafka.topic('references')}`"
        )
        raise ProfileError(message)
    for other in chosen[:-1]:
        line = f"also published: {other.profile_id} of {other.key}, from {shown(other.effective_from_ms)}"
        err.print(line, style="dim", markup=False)
    return chosen[-1]
