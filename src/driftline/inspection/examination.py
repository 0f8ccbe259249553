"""From samples to a report: which mapping is used, what it makes of the records, and what contradicts itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from msgspec.structs import replace

from driftline.config.input_settings import LabelInput
from driftline.config.model import ColumnSettings
from driftline.events.mapping_check import mapping_problems
from driftline.inspection.columns import column_kinds, ignored_columns
from driftline.inspection.configuration import as_yaml, differences, flow
from driftline.inspection.contradictions import join_lines, retention_lines, score_lines
from driftline.inspection.guesses import propose
from driftline.inspection.outlook import outlook_lines
from driftline.inspection.report import Line, Report, Section, note, ok, percent, problem
from driftline.inspection.taken import take
from driftline.inspection.understanding import not_features, topic_section

if TYPE_CHECKING:
    from collections.abc import Sequence

    from driftline.config.settings import Settings
    from driftline.events.source import Kind
    from driftline.inspection.guesses import Proposal, Proposals
    from driftline.inspection.sample import TopicSample
    from driftline.inspection.taken import Taken

_MOST: Final = 0.5
"""Share of refused records from which another mapping is proposed in place of the configured one."""


class Examination(NamedTuple):
    """Samples, the settings that fit them, and what the intake makes of the samples under these settings."""

    predictions: TopicSample
    labels: TopicSample | None
    settings: Settings
    taken: dict[Kind, Taken]
    proposals: Proposals
    used: dict[Kind, Proposal]
    """The proposals that the settings have; the configured mapping is kept for other topics."""
    refused_before: dict[Kind, float]
    """Share of the records that the configured mapping would refuse, where a proposal takes its place."""
    unusable: dict[Kind, str]
    """Why a proposal cannot be used: its fields lead through each other."""


def examine(
    predictions: TopicSample, labels: TopicSample | None, settings: Settings, *, configured: bool
) -> Examination:
    """Choose the mapping of each topic and take the samples in.

    Parameters
    ----------
    predictions, labels : TopicSample
    settings : Settings
        What is configured already; its topics are those of the samples.
    configured : bool
        Whether the mappings are somebody's choice: they are then kept unless most records are refused.
    """
    proposals = propose(predictions, labels)
    if labels is None and proposals.holds_labels:
        labels = predictions.as_labels()
        if proposals.mixed is not None:
            proposals = propose(predictions, labels)
    if labels is not None and settings.labels is None:
        settings = replace(settings, labels=LabelInput(topic=labels.topic))
    found = Examination(predictions, labels, settings, {}, proposals, {}, {}, {})
    for sample in (predictions, labels):
        if sample is not None:
            found = _take_in(found, sample, configured=configured)
    if configured:
        return found
    return found._replace(settings=_without_idle_columns(found.settings, found.taken["predictions"]))


def _take_in(found: Examination, sample: TopicSample, *, configured: bool) -> Examination:
    """Return the examination with one more topic, under the configured mapping or the proposed one."""
    kind, settings = sample.kind, found.settings
    found.taken[kind] = taken = take(sample, settings)
    proposal: Proposal | None = getattr(found.proposals, kind)
    if proposal is None or (configured and taken.refused_share <= _MOST):
        return found
    changed = _with(settings, kind, proposal)
    wrong = [message for message, _, _ in mapping_problems(changed)]
    if wrong:
        found.unusable[kind] = wrong[0]
        return found
    other = take(sample, changed)
    more = len(other.times_ms) - len(taken.times_ms)
    if (more < 0 and proposal.where is None) or (configured and more <= 0):
        return found
    if configured:
        found.refused_before[kind] = taken.refused_share
    found.taken[kind], found.used[kind] = other, proposal
    return found._replace(settings=changed)


def _without_idle_columns(settings: Settings, taken: Taken) -> Settings:
    """Return settings that leave out the columns that say nothing about drift, and labels beside the features."""
    names = ignored_columns(column_kinds(taken.events.features, not_features(settings)))
    if settings.shares_topic and settings.labels is not None and settings.predictions.fields.features == "":
        fields = settings.labels.fields
        names += [
            pointer[1:] for pointer in (fields.label, fields.ts) if isinstance(pointer, str) and "none" not in pointer
        ]
    columns = settings.defaults.columns | {name: ColumnSettings(kind="ignore") for name in names}
    return replace(settings, defaults=settings.defaults.replace(columns=columns))


def _with(settings: Settings, kind: Kind, proposal: Proposal) -> Settings:
    fields: Any = proposal.fields
    if kind == "predictions":
        return replace(settings, predictions=replace(settings.predictions, fields=fields, where=proposal.where))
    return replace(settings, labels=replace(settings.labels or LabelInput(), fields=fields, where=proposal.where))


def report_of(found: Examination, partitioning: Sequence[Line] = (), now_ms: int | None = None) -> Report:
    """Return all that is to be said.

    Parameters
    ----------
    found : Examination
    partitioning : sequence of Line
        What the keys and partitions say; empty for files.
    now_ms : int, optional
        The present, in milliseconds since the epoch; without it nothing is said about the age of records.
    """
    predictions, labels = found.taken["predictions"], found.taken.get("labels")
    sections = [Section("Mapping", tuple(_mapping(found)))]
    sections.append(topic_section(found.predictions, predictions, found.settings, now_ms))
    together = score_lines(predictions) if len(predictions.times_ms) else []
    if found.labels is not None and labels is not None:
        sections.append(topic_section(found.labels, labels, found.settings, now_ms))
        if len(predictions.times_ms) and len(labels.times_ms):
            together += join_lines(predictions, labels, found.settings)
            together += retention_lines(found.predictions, predictions, labels)
    else:
        together.append(
            note(
                "no topic of labels: drift and data quality are watched, performance is not", "Name it with `--labels`"
            )
        )
    sections.append(Section("Together", (*together, *partitioning)))
    outlook = outlook_lines(found.predictions, predictions, found.settings)
    if outlook:
        sections.append(Section("What comes next", tuple(outlook)))
    return Report(tuple(section for section in sections if section.lines), configuration_of(found))


def configuration_of(found: Examination) -> str:
    """Return the configuration that fits, as YAML."""
    comments: dict[str, str] = {}
    for kind, proposal in found.used.items():
        for name, reason in proposal.reasons.items():
            comments[f"{kind}.fields.{name}"] = reason
        for name, doubt in proposal.doubts.items():
            comments[f"{kind}.fields.{name}"] = f"please check {doubt}"
    return as_yaml(found.settings, comments)


def _mapping(found: Examination) -> list[Line]:
    lines: list[Line] = []
    written = differences(found.settings)
    for kind in found.taken:
        proposal = found.used.get(kind)
        if kind in found.refused_before:
            lines.append(
                problem(
                    f"{kind}: the configured mapping would refuse {percent(found.refused_before[kind])} of the "
                    "records; another "
                    "one is proposed, below",
                    "Compare both, and take over what is right",
                )
            )
        if proposal is None:
            known = getattr(found.proposals, kind) is not None
            usual = ok(f"{kind}: the configured mapping is used")
            lines.append(usual if known else note(f"{kind}: no record can be read, so that no mapping is proposed"))
            if kind in found.unusable:
                lines.append(
                    note(f"{kind}: the fields that were found cannot be mapped together: {found.unusable[kind]}")
                )
            continue
        lines += _fields(kind, proposal, written.get(kind, {}).get("fields", {}))
        if proposal.where is not None:
            lines.append(note(f"{kind}: only records with {_condition(proposal)} are meant"))
    lines += _unread(found)
    return lines


def _fields(kind: str, proposal: Proposal, written: dict[str, Any]) -> list[Line]:
    lines = []
    for name in proposal.fields.__struct_fields__:
        if name in proposal.missing:
            lines.append(_missing(kind, name))
        elif name in proposal.reasons:
            place = written.get(name, getattr(proposal.fields, name))
            lines.append(ok(f"{kind}: {name} is {_shown(place)} ({proposal.reasons[name]})"))
        if name in proposal.doubts:
            lines.append(note(f"{kind}: please check {proposal.doubts[name]}"))
    return lines


def _missing(kind: str, name: str) -> Line:
    if name == "prediction_id":
        what = "that each record has of its own" if kind == "predictions" else "that names the prediction"
        return problem(
            f"{kind}: no field, key or header was found {what}",
            f"Name it as `{kind}: {{fields: {{prediction_id: /...}}}}`",
        )
    return problem(
        f"{kind}: no field was found that is the {name}", f"Name it as `{kind}: {{fields: {{{name}: /...}}}}`"
    )


def _shown(place: object) -> str:
    return "the record itself" if place == "" else flow(place)


def _condition(proposal: Proposal) -> str:
    where = proposal.where
    if where is None:
        return ""
    if where.equals is None:
        return f"a {where.field or where.header}"
    equals = where.equals if isinstance(where.equals, tuple) else (where.equals,)
    return f"{where.field or where.header} = {' or '.join(map(str, equals))}"


def _unread(found: Examination) -> list[Line]:
    lines = []
    mixed, tensors = found.proposals.mixed, found.proposals.tensors
    if found.settings.shares_topic:
        how = "of their own kind" if mixed is not None else "of the predictions, or in later ones of the same id"
        lines.append(note(f"`{found.predictions.topic}` holds predictions and labels: labels stand in records {how}"))
    taken = found.taken.get("predictions")
    mostly_refused = taken is not None and taken.n_refused > _MOST * taken.n_records
    if tensors is not None and (mostly_refused or "predictions" in found.used):
        lines.append(
            problem(
                f"{tensors} holds tensors of the Open Inference Protocol (KServe v2), with all values of a feature "
                "together",
                "A preset reads them: `predictions: {preset: open-inference}` (`driftline presets` lists others)",
            )
        )
    elif mostly_refused:
        lines.append(
            note("if a known product wrote these records, a preset may read them: `driftline presets` lists them")
        )
    return lines
