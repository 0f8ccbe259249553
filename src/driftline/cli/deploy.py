"""``driftline deploy`` and ``driftline rollback``: which version of a model takes over, from which event time on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from driftline.cli.app import app
from driftline.cli.common import (
    BrokersOption,
    ConfigOption,
    PrefixOption,
    err,
    overrides,
    read_settings,
)
from driftline.cli.control_options import (
    AtOption,
    ByOption,
    CommentOption,
    DryRunOption,
    ForceOption,
    IdOption,
    TheVersionOption,
    WaitOption,
)
from driftline.cli.control_sending import Sender, publish_reference, published_keys, require_known
from driftline.cli.moments import as_moment, moment_ms, now_ms
from driftline.cli.reference_options import TheModelOption
from driftline.errors import ProfileError

if TYPE_CHECKING:
    from driftline.config.settings import Settings
    from driftline.events.model_key import ModelKey
    from driftline.profiles.profile import Profile

ReplacesOption = Annotated[
    str | None,
    typer.Option("--replaces", metavar="VERSION", help="The version that it replaces; by default all others."),
]


@app.command()
def deploy(
    model: TheModelOption,
    version: TheVersionOption,
    at: AtOption = None,
    replaces: ReplacesOption = None,
    profile: Annotated[
        Path | None,
        typer.Option(
            "--profile",
            metavar="FILE",
            help="Reference of the version, a .profile: it is published first, and holds from the same event time.",
            show_default=False,
        ),
    ] = None,
    before_start: Annotated[
        bool,
        typer.Option(
            "--before-start",
            help="With --profile: no worker has read events of this version yet, so it may hold from any event time.",
        ),
    ] = False,
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
    """Say that a version of a model takes over: its detectors begin anew, and alerts of the version before resolve."""
    from driftline.events.control import Deploy
    from driftline.events.model_key import ModelKey
    from driftline.profiles.effective import effective_from

    settings = read_settings(config, overrides(brokers=brokers, prefix=prefix))
    key, now = ModelKey(model, version), now_ms()
    at_ms = None if at is None else moment_ms(at, "--at", now)
    reference = None
    if profile is not None:
        at_ms = effective_from(at_ms, now, int(settings.time.max_future), before_start=before_start, at="--at")
        reference = _of_version(profile, key, at_ms)
    sender = Sender(settings, by, id_, dry_run=dry_run, wait=wait)
    _require_known(settings, key, has_reference=reference is not None, force=force)
    command = Deploy(
        by=sender.by,
        id=sender.id,
        at=None if at_ms is None else as_moment(at_ms),
        comment=comment,
        model=model,
        model_version=version,
        replaces=replaces,
    )
    sender.check(command)
    if reference is not None:
        publish_reference(settings, reference, dry_run=dry_run)
    sender.send(command, f"{key} takes over from {_replaced(replaces)}, {_since(at_ms)}")


@app.command()
def rollback(
    model: TheModelOption,
    version: TheVersionOption,
    at: AtOption = None,
    replaces: Annotated[
        str | None,
        typer.Option("--replaces", metavar="VERSION", help="The version that is given up; by default all others."),
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
    """Say that an earlier version of a model takes over again; its published reference holds again."""
    from driftline.events.control import Rollback
    from driftline.events.model_key import ModelKey

    settings = read_settings(config, overrides(brokers=brokers, prefix=prefix))
    at_ms = None if at is None else moment_ms(at, "--at", now_ms())
    key = ModelKey(model, version)
    sender = Sender(settings, by, id_, dry_run=dry_run, wait=wait)
    _require_known(settings, key, has_reference=False, force=force)
    command = Rollback(
        by=sender.by,
        id=sender.id,
        at=None if at_ms is None else as_moment(at_ms),
        comment=comment,
        model=model,
        model_version=version,
        replaces=replaces,
    )
    sender.send(command, f"{key} takes over again from {_replaced(replaces)}, {_since(at_ms)}")


def _of_version(file: Path, key: ModelKey, effective_from_ms: int) -> Profile:
    """Return the profile of a file as that of the version that is deployed."""
    from driftline.runtime.references.profile_files import read_profile

    profile = read_profile(file)
    if profile.key.model != key.model:
        raise ProfileError(f"Expected a profile of `{key.model}`, got one of `{profile.key.model}` - at `{file}`")
    if profile.key != key:
        remark = f"{file} was built for {profile.key}: it is published for {key}"
        err.print(f"remark: {remark}", style="yellow", markup=False)
    return replace(profile, key=key, effective_from_ms=effective_from_ms)


def _require_known(settings: Settings, key: ModelKey, *, has_reference: bool, force: bool) -> None:
    """Refuse a model that is not known, and say where the version has no reference."""
    published = published_keys(settings)
    require_known(settings, key.model, published, force=force)
    if not has_reference and key not in published:
        remark = f"no reference of {key} is published: driftline learns one from its first events, if that is not off"
        err.print(f"remark: {remark}", style="yellow", markup=False)


def _replaced(replaces: str | None) -> str:
    return "all other versions" if replaces is None else f"version {replaces}"


def _since(at_ms: int | None) -> str:
    from driftline.profiles.effective import shown

    return "from now on" if at_ms is None else f"from {shown(at_ms)} on"
