"""The shape of records: rows in batches, the features' place, and topics that hold more than one kind of record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from driftline.config.field_places import FeaturesAt, Where
from driftline.inspection.names import CLEAR, HINTED, LIKELY, is_discouraged, weight
from driftline.inspection.survey import ELEMENT, HEADER, pointer_of

if TYPE_CHECKING:
    from driftline.config.field_places import Pointer
    from driftline.inspection.survey import Fact, Path, Survey

_ROW_LISTS: Final = frozenset(
    [
        "instances",
        "inputs",
        "rows",
        "records",
        "items",
        "predictions",
        "samples",
        "events",
        "batch",
        "data",
        "dataframe_records",
        "entries",
        "requests",
    ]
)
_ENOUGH: Final = 0.5
_TYPES: Final = frozenset(
    (
        "type",
        "kind",
        "event",
        "event_type",
        "eventtype",
        "record_type",
        "message_type",
        "ce_type",
        "schema",
        "topic",
    )
)
_MOST_TYPES: Final = 12


class FeaturesGuess(NamedTuple):
    """Where features stand, and why there; ``doubt`` is what a person has to add."""

    place: Pointer | FeaturesAt
    reason: str
    path: Path
    doubt: str = ""


def guess_rows(survey: Survey) -> Path | None:
    """Return the path of the list whose elements are predictions of their own; None where records are predictions."""
    best: tuple[float, Path] | None = None
    for fact in survey.facts.values():
        if fact.kind != "list" or fact.share < _ENOUGH or ELEMENT in fact.path:
            continue
        inside = survey.facts.get((*fact.path, ELEMENT))
        name = fact.path[-1].lower() if fact.path else ""
        if inside is None or inside.kind not in ("object", "list") or _is_tensor(inside):
            continue
        parallel = _parallel(survey, fact)
        if not parallel and not (inside.kind == "object" and (_outcome_inside(survey, fact.path) or not fact.path)):
            continue
        score = 2.0 * (name in _ROW_LISTS) + weight("features", fact.path) + fact.share
        if best is None or score > best[0]:
            best = score, fact.path
    return None if best is None else best[1]


def _is_tensor(fact: Fact) -> bool:
    """Whether the elements are whole columns, as the Open Inference Protocol (KServe v2) writes them."""
    return any(isinstance(value, dict) and {"datatype", "shape"} <= value.keys() for value in fact.values[:5])


def tensors(survey: Survey) -> Path | None:
    """Return where records hold columns of the Open Inference Protocol; None where they do not."""
    return next(
        (path[:-1] for path, fact in survey.facts.items() if path[-1:] == (ELEMENT,) and _is_tensor(fact)), None
    )


def _outcome_inside(survey: Survey, path: Path) -> bool:
    """Whether a list's elements have a prediction or a score of their own."""
    inner = (*path, ELEMENT)
    return any(
        fact.path[: len(inner)] == inner and max(weight("prediction", fact.path), weight("score", fact.path)) >= LIKELY
        for fact in survey.facts.values()
        if len(fact.path) > len(inner)
    )


def _parallel(survey: Survey, fact: Fact) -> bool:
    """Whether another list is as long in every record, and has a name of predictions or scores."""
    return any(
        other is not fact
        and other.kind == "list"
        and ELEMENT not in other.path
        and max(weight("prediction", other.path), weight("score", other.path)) >= LIKELY
        and survey.same_lengths(other.path, fact.path)
        for other in survey.facts.values()
    )


def guess_features(survey: Survey, rows: Path | None, outcome: Path | None) -> FeaturesGuess | None:
    """Return where the features stand: an object with a name of them, otherwise the object with the prediction in it.

    ``outcome`` is the path of the prediction or the score.
    """
    if rows is not None:
        return _in_rows(survey, rows)
    named = [
        (weight("features", fact.path) + fact.share - 4 * is_discouraged(fact.path) - 0.1 * len(fact.path), fact)
        for fact in survey.candidates()
        if weight("features", fact.path) >= HINTED and fact.share >= _ENOUGH and _holds_values(survey, fact, outcome)
    ]
    if named:
        _, fact = max(named, key=lambda each: each[0])
        return _placed(survey, fact)
    flat = outcome[:-1] if outcome is not None else ()
    if ELEMENT in flat:
        return None
    return FeaturesGuess(pointer_of(flat), "all other fields beside the prediction", flat)


def _holds_values(survey: Survey, fact: Fact, outcome: Path | None) -> bool:
    if outcome is not None and outcome[: len(fact.path)] == fact.path and weight("features", fact.path) < CLEAR:
        return False
    if fact.kind in ("object", "text"):
        inside = [
            path for path in survey.facts if len(path) == len(fact.path) + 1 and path[: len(fact.path)] == fact.path
        ]
        return bool(inside) or (fact.kind == "text" and _is_csv(fact))
    return fact.kind == "list" and _lengths(fact) is not None


def _is_csv(fact: Fact) -> bool:
    counts = {value.count(",") for value in fact.values if isinstance(value, str)}
    return len(counts) == 1 and counts != {0}


def _lengths(fact: Fact) -> int | None:
    lengths = {len(value) for value in fact.values if isinstance(value, list)}
    return lengths.pop() if len(lengths) == 1 else None


def _placed(survey: Survey, fact: Fact) -> FeaturesGuess:
    pointer = pointer_of(fact.path)
    inside = (*fact.path, ELEMENT)
    if fact.kind == "object" or (fact.kind == "text" and not _is_csv(fact) and inside not in survey.facts):
        return FeaturesGuess(pointer, "an object of values by name", fact.path)
    first = fact.values[0]
    n = len(first.split(",")) if isinstance(first, str) else _lengths(fact) or 0
    text: Literal["csv"] | None = "csv" if fact.kind == "text" and _is_csv(fact) else None
    return _of_list(survey, fact.path, pointer, n, text)


def _of_list(survey: Survey, path: Path, pointer: str, n: int, text: Literal["csv"] | None = None) -> FeaturesGuess:
    """Return features that are a list of n values, named as a list beside it says, or numbered."""
    around = path[: path.index(ELEMENT)] if ELEMENT in path else path
    for name in ("names", "columns", "feature_names", "featureNames"):
        beside = survey.facts.get((*around[:-1], name))
        if beside is None or beside.kind != "list":
            continue
        lists = {tuple(map(str, value)) for value in beside.values if isinstance(value, list)}
        if len(lists) == 1 and len(set(*lists)) == n:
            (names,) = lists
            return FeaturesGuess(FeaturesAt(pointer, names, text), f"{n} values, named by `{name}` beside them", path)
    names = tuple(f"feature_{number}" for number in range(n))
    doubt = "the names of the features: they are numbered for want of better ones"
    return FeaturesGuess(FeaturesAt(pointer, names, text), f"{n} values without names", path, doubt)


def _in_rows(survey: Survey, rows: Path) -> FeaturesGuess | None:
    row = (*rows, ELEMENT)
    inside = survey.facts.get(row)
    if inside is None:
        return None
    pointer = pointer_of((*rows, "0")) if survey.single_rows else "row:"
    if inside.kind == "list":
        return _of_list(survey, row, pointer, _lengths(inside) or 0)
    named = [
        fact
        for fact in survey.candidates(rows)
        if fact.kind == "object" and fact.path[: len(row)] == row and weight("features", fact.path) >= HINTED
    ]
    if named:
        fact = max(named, key=lambda each: weight("features", each.path))
        if fact.path != row:
            return FeaturesGuess(str(fact.place), "an object of values by name, in each row", fact.path)
    return FeaturesGuess(pointer, "the fields of a row", row)


class MixedTopic(NamedTuple):
    """A topic that holds records of several kinds: the field that tells them apart, and the values of each kind."""

    fact: Fact
    predictions: tuple[str, ...]
    labels: tuple[str, ...]

    def where(self, values: tuple[str, ...]) -> Where:
        """Return the condition for records with these values."""
        equals = values[0] if len(values) == 1 else values
        if self.fact.path[0] == HEADER and not self.fact.in_value:
            return Where(header=self.fact.path[1], equals=equals)
        return Where(field=pointer_of(self.fact.path), equals=equals)


def mixed_kinds(survey: Survey) -> MixedTopic | None:
    """Return how predictions and labels in one topic are told apart; None where all records are of one kind."""
    for fact in survey.scalars(beside=True):
        name = fact.path[-1].lower()
        if name not in _TYPES or fact.share < 0.95 or not 1 < len(fact.counted) <= _MOST_TYPES:  # noqa: PLR2004
            continue
        kinds = _kinds_by_value(survey, fact)
        chosen = {kind: tuple(value for value, each in kinds.items() if each == kind) for kind in ("p", "l")}
        if chosen["p"] and chosen["l"]:
            return MixedTopic(fact, chosen["p"], chosen["l"])
    return None


def change_events(survey: Survey) -> Where | None:
    """Return which records of a stream of database changes hold a row; None for other streams, or where all do."""
    for path, fact in survey.facts.items():
        if path[-1:] == ("op",) and set(fact.counted) <= {"c", "u", "r", "d", "t"} and "d" in fact.counted:
            after = survey.facts.get((*path[:-1], "after"))
            if after is not None:
                return Where(field=pointer_of(path), equals=("c", "r", "u"))
    return None


def _kinds_by_value(survey: Survey, fact: Fact) -> dict[str, str]:
    """Return ``p``, ``l`` or nothing for each value of a field: what the records with it look like."""
    owners: dict[str, set[int]] = {}
    for owner, text in zip(fact.owners, fact.texts, strict=True):
        owners.setdefault(text, set()).add(owner)
    kinds = {}
    for value, records in owners.items():
        inside = [other for other in survey.facts.values() if other.in_value and records.intersection(other.owners)]
        features = max((weight("features", other.path) for other in inside), default=0.0)
        predicted = max(
            (max(weight("prediction", other.path), weight("score", other.path)) for other in inside), default=0.0
        )
        label = max((weight("label", other.path) for other in inside), default=0.0)
        named = _named(value)
        kinds[value] = named or ("p" if max(features, predicted) >= 8 else "l" if label >= 6 else "")  # noqa: PLR2004
    return kinds


def _named(value: str) -> str:
    low = value.lower()
    if any(word in low for word in ("predict", "inference", "score", "scoring")):
        return "p"
    if any(word in low for word in ("label", "outcome", "truth", "feedback", "actual")):
        return "l"
    return ""
