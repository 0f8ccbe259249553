"""The mappings of predictions and labels that the records of both topics suggest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from driftline.config.field_places import Constant, Joined, Where
from driftline.config.input_settings import LabelFields, PredictionFields
from driftline.events.plain_mapping import pointers_of
from driftline.inspection.ids import IdPair, guess_ids
from driftline.inspection.layouts import change_events, guess_features, guess_rows, mixed_kinds, tensors
from driftline.inspection.names import is_discouraged, weight
from driftline.inspection.operations import guess_operations
from driftline.inspection.outcomes import guess_label, guess_model, guess_prediction, guess_version, shown_values
from driftline.inspection.sample import corpus_of
from driftline.inspection.scores import ScoreGuess, guess_score
from driftline.inspection.survey import Survey, pointer_of
from driftline.inspection.times import guess_time, read_as

if TYPE_CHECKING:
    from driftline.inspection.ids import Affix, IdGuess
    from driftline.inspection.layouts import MixedTopic
    from driftline.inspection.outcomes import FieldGuess
    from driftline.inspection.sample import TopicSample
    from driftline.inspection.survey import Path
    from driftline.inspection.times import TimeGuess

_MOST_CLASSES: Final = 100
_CERTAIN: Final = 9.0
"""Weight of a name that leaves no doubt."""


class Proposal(NamedTuple):
    """A mapping of one topic.

    Attributes
    ----------
    fields : PredictionFields or LabelFields
        Where each field stands.
    where : Where, optional
        Which records are meant.
    reasons : dict of str to str
        Why, by the name of the field.
    doubts : dict of str to str
        What a person has to confirm or to add, by the name of the field.
    missing : tuple of str
        Fields that were not found and that events need.
    """

    fields: PredictionFields | LabelFields
    where: Where | None
    reasons: dict[str, str]
    doubts: dict[str, str]
    missing: tuple[str, ...] = ()


class Proposals(NamedTuple):
    """The mappings of both topics; ``mixed`` says that the topic of predictions holds labels too."""

    predictions: Proposal | None
    labels: Proposal | None
    mixed: MixedTopic | None = None
    tensors: str | None = None
    """Where records hold tensors of the Open Inference Protocol, which no guessed mapping reads."""

    @property
    def holds_labels(self) -> bool:
        """Whether the topic of the predictions, looked at alone, holds the labels too."""
        return self.mixed is not None or self.labels is not None


class _Input(NamedTuple):
    survey: Survey
    where: Where | None


def propose(predictions: TopicSample, labels: TopicSample | None) -> Proposals:
    """Return the mappings that the samples suggest; None for a topic without a readable record."""
    source, mixed = _input(predictions, "predictions")
    outcomes, _ = (None, None) if labels is None else _input(labels, "labels")
    rows = None if source is None else guess_rows(source.survey)
    times = [None if each is None else guess_time(each.survey, at) for each, at in ((source, rows), (outcomes, None))]
    taken = frozenset(time.fact.path for time in times if time is not None)
    pair = guess_ids(source and source.survey, outcomes and outcomes.survey, rows, taken)
    if source is not None and rows is not None:
        source.survey.single_rows = _are_single(source.survey, rows, pair)
    columns = None if source is None else tensors(source.survey)
    label = None if outcomes is None else _label(outcomes.survey, times[1], pair)
    n_classes = 0 if label is None else len(label.fact.counted)
    mapped = None if source is None else _predictions(source, rows, times[0], pair, predictions.topic, n_classes)
    beside = None
    if source is not None and mapped is not None and labels is None and mixed is None and rows is None:
        beside = labels_beside(source.survey, mapped)
    return Proposals(
        mapped,
        beside if outcomes is None else _labels(outcomes, times[1], pair, label),
        mixed,
        None if columns is None else pointer_of(columns),
    )


def labels_beside(survey: Survey, predictions: Proposal) -> Proposal | None:
    """Return the mapping of labels that stand in the records of the predictions; None where there are none.

    A later record of the same id may hold the label, or the same one.
    """
    fields = predictions.fields
    used = {pointer for name in fields.__struct_fields__ for pointer in pointers_of(getattr(fields, name))}
    features = pointers_of(getattr(fields, "features", ""))
    found = [
        fact
        for fact in survey.scalars()
        if weight("label", fact.path) >= _CERTAIN
        and not is_discouraged(fact.path)
        and pointer_of(fact.path) not in used
        and not any(pointer and pointer_of(fact.path).startswith(f"{pointer}/") for pointer in features)
    ]
    if "prediction" not in predictions.reasons or len(found) != 1:
        return None
    (fact,) = found
    pointer = pointer_of(fact.path)
    times = [
        each
        for each in survey.scalars()
        if each.path[:-1] == fact.path[:-1]
        and weight("time", each.path)
        and set(each.owners) <= set(fact.owners)
        and pointer_of(each.path) not in used
    ]
    read = read_as(times[0], [survey.corpus.stamps_ms[owner] for owner in times[0].owners]) if len(times) == 1 else None
    draft = _Draft()
    draft.add("prediction_id", fields.prediction_id, "that of the prediction in the record")
    doubt = "that this is the true outcome, in the record of the prediction or in a later one of the same id"
    draft.add("label", pointer, shown_values(fact), doubt)
    if read is not None:
        draft.add("ts", read[0].place, read[0].reason)
    else:
        draft.add("ts", "/none/ts", "no time of the label: Kafka's timestamp serves")
    return draft.proposal(LabelFields, Where(field=pointer))


def _are_single(survey: Survey, rows: Path, pair: IdPair) -> bool:
    """Whether all lists of rows have one element, and labels name the record rather than the row."""
    fact = survey.facts[rows]
    if any(len(value) != 1 for value in fact.values if isinstance(value, list)) or pair.prediction is None:
        return False
    return pair.label is not None and pair.n_shared > 0 and not pair.label.numbered


def _input(sample: TopicSample, kind: str) -> tuple[_Input | None, MixedTopic | None]:
    """Return the facts about the records that are meant."""
    corpus = corpus_of(sample)
    if not corpus.documents:
        return None, None
    survey = Survey(corpus)
    mixed = mixed_kinds(survey)
    where = change_events(survey)
    if mixed is not None:
        where = mixed.where(mixed.predictions if kind == "predictions" else mixed.labels)
    if where is None:
        return _Input(survey, None), None
    meant = corpus.meant(where)
    return _Input(Survey(meant) if meant.documents else survey, where), mixed


class _Draft:
    """A mapping in the making: places, reasons and doubts by field, and fields that were not found."""

    def __init__(self) -> None:
        self.found: dict[str, Any] = {}
        self.reasons: dict[str, str] = {}
        self.doubts: dict[str, str] = {}
        self.missing: list[str] = []

    def add(self, name: str, place: object, reason: str, doubt: str = "") -> None:
        """Add a field."""
        self.found[name], self.reasons[name] = place, reason
        if doubt:
            self.doubts[name] = doubt

    def add_id(self, guess: IdGuess | None, affix: Affix | None, kind: str) -> None:
        """Add the id, with the text before it that the ids of the other topic have."""
        if guess is None:
            self.missing.append("prediction_id")
        elif affix is None or affix.lacking != kind:
            self.add("prediction_id", guess.fact.place, guess.reason)
        else:
            doubt = f"that {affix.text!r} before the id makes it the id of the other topic"
            self.add("prediction_id", Joined((Constant(affix.text), guess.fact.place), ""), guess.reason, doubt)

    def add_time(self, time: TimeGuess | None) -> None:
        """Add the event time."""
        if time is not None:
            doubt = f"the form of the dates: `{time.doubt}` fits as well" if time.doubt else ""
            self.add("ts", time.place, time.reason, doubt)

    def proposal(self, kind: type[PredictionFields | LabelFields], where: Where | None) -> Proposal:
        """Return the mapping."""
        return Proposal(kind(**self.found), where, self.reasons, self.doubts, tuple(self.missing))


def _predictions(
    source: _Input, rows: Path | None, time: TimeGuess | None, pair: IdPair, topic: str, n_classes: int
) -> Proposal:
    survey, draft = source.survey, _Draft()
    if rows is not None and not survey.single_rows:
        draft.add("rows", pointer_of(rows), "each element is a prediction of its own")
    draft.add_id(pair.prediction, pair.affix, "predictions")
    model, version = guess_model(survey, rows), guess_version(survey, rows)
    if model is None:
        draft.add(
            "model", Constant(topic), "no field is named like a model", "the model's name: no field is named like one"
        )
    else:
        draft.add("model", model.fact.place, model.reason)
    if version is not None:
        draft.add("model_version", version.fact.place, version.reason)
    draft.add_time(time)
    taken = {each.fact.path for each in (pair.prediction, time, model, version) if each is not None}
    taken |= _add_outcomes(draft, survey, rows, frozenset(taken), n_classes)
    features = pointers_of(draft.found.get("features", "/features"))
    for guess in guess_operations(survey, rows, frozenset(taken), features[0]):
        draft.add(*guess)
    _avoid_defaults(draft.found, survey)
    return draft.proposal(PredictionFields, source.where)


def _add_outcomes(
    draft: _Draft, survey: Survey, rows: Path | None, taken: frozenset[Path], n_classes: int
) -> set[Path]:
    """Add prediction, score and features; return where the first two stand."""
    prediction = guess_prediction(survey, rows, taken)
    prediction, score = _apart(prediction, guess_score(survey, rows, _classes(prediction)), n_classes)
    if prediction is not None:
        draft.add("prediction", prediction.fact.place, prediction.reason)
    if score is not None:
        draft.add("score", score.place, score.reason, score.doubt)
    outcome = next((each.fact.path for each in (prediction, score) if each is not None), None)
    features = guess_features(survey, rows, outcome)
    if features is not None:
        draft.add("features", features.place, features.reason, features.doubt)
    return {each.fact.path for each in (prediction, score) if each is not None}


def _apart(
    prediction: FieldGuess | None, score: ScoreGuess | None, n_classes: int
) -> tuple[FieldGuess | None, ScoreGuess | None]:
    """Return both as what they are: probabilities named predictions are a score where labels are two classes."""
    if prediction is None:
        return prediction, score
    if score is not None:
        return prediction, None if prediction.fact.path == score.fact.path else score
    numbers, place = prediction.fact.numbers, prediction.fact.place
    fractions = prediction.fact.is_numeric and any(0 < number < 1 for number in numbers)
    if 0 < n_classes <= 2 and fractions and all(0 <= number <= 1 for number in numbers) and isinstance(place, str):  # noqa: PLR2004
        return None, ScoreGuess(prediction.fact, place, "probabilities, as labels are of two classes")
    return prediction, None


def _classes(prediction: FieldGuess | None) -> tuple[str, ...]:
    if prediction is None or len(prediction.fact.counted) > _MOST_CLASSES:
        return ()
    return tuple(prediction.fact.counted)


def _avoid_defaults(found: dict[str, Any], survey: Survey) -> None:
    """Point fields that were not found away from where the default would find something else."""
    pointers = [pointer for name, place in found.items() if name != "features" for pointer in pointers_of(place)]
    for name in ("model_version", "ts", "prediction", "score"):
        if name in found:
            continue
        usual = f"/{name}"
        taken = any(f"{pointer}/".startswith(f"{usual}/") for pointer in pointers)
        fact = survey.facts.get((name,))
        if taken or (fact is not None and not fact.is_scalar and bool(fact.values)):
            found[name] = f"/none/{name}"


def _label(survey: Survey, time: TimeGuess | None, pair: IdPair) -> FieldGuess | None:
    return guess_label(survey, frozenset(each.fact.path for each in (pair.label, time) if each is not None))


def _labels(source: _Input, time: TimeGuess | None, pair: IdPair, label: FieldGuess | None) -> Proposal:
    draft = _Draft()
    draft.add_id(pair.label, pair.affix, "labels")
    draft.add_time(time)
    if label is None:
        draft.missing.append("label")
    else:
        draft.add("label", label.fact.place, shown_values(label.fact))
    return draft.proposal(LabelFields, source.where)
