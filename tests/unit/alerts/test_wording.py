"""Titles and sentences as people read them: their own units, and the number that changed."""

from __future__ import annotations

import pytest
from msgspec import structs

from driftline.alerts.onsets import Interval
from driftline.alerts.sentences import sentence_of, title_of
from driftline.alerts.shown import shown
from driftline.alerts.wording import words_of
from driftline.events.evidence import DispersionEvidence
from driftline.events.finding import ColumnMoments, FindingEvent, HistogramPair, UnitChange
from tests.support.alert_runs import HOUR, finding

CENTS = "units -> hundredths, as euros to cents or a share to per cent"
EUROS = "hundredths, as euros to cents or a share to per cent -> units"


def quality(test: str, before: float, now: float, column: str | None = "dep_delay", **more: object) -> FindingEvent:
    made = finding(HOUR, f"quality.{test}", "quality", column=column, sides=(before, now))
    return structs.replace(made, **more)


def performance(metric: str, before: float, now: float, effect: str = "drop") -> FindingEvent:
    sides = (before, now)
    return finding(HOUR, f"performance.{metric}", "performance", column=None, sides=sides, effect=f"{metric}_{effect}")


def moved(
    means: tuple[float, float],
    spreads: tuple[float, float] = (1.0, 1.0),
    histograms: HistogramPair | None = None,
    **more: object,
) -> FindingEvent:
    """Return a finding on a numeric column; the numbers are those of the reference and of the window."""
    moments = ColumnMoments(
        mean=means[1],
        reference_mean=means[0],
        standard_deviation=spreads[1],
        reference_standard_deviation=spreads[0],
    )
    bins = histograms or HistogramPair(bins=["< 1", "[1, 2)", ">= 2"], reference=[50, 10, 40], current=[30, 45, 25])
    return structs.replace(finding(HOUR, column="x", moments=moments, histograms=bins), **more)


def unit(factor: float, conversion: str | None, offset: float = 0.0) -> UnitChange:
    return UnitChange(factor, offset, conversion, 0.01, 0.99, "shape")


TITLES = [
    (performance("accuracy", 0.914, 0.757), "accuracy 91.4 % → 75.7 %"),
    (performance("balanced_accuracy", 0.9, 0.897), "balanced accuracy 90.00 % → 89.70 %"),
    (performance("mae", 12.04, 19.37, "rise"), "mae 12.0 → 19.4"),
    (quality("missing", 0.031, 0.428), "dep_delay: missing 3 % → 43 %"),
    (quality("vanished", 0.01, 1.0), "dep_delay: gone, no event has a value (99 % of events had one)"),
    (quality("wrong_type", 0.0, 0.02), "dep_delay: wrong type 0 % → 2 %"),
    (quality("not_a_number", 0.0, 0.5), "dep_delay: not a number 0 % → 50 %"),
    (quality("infinite", 0.0, 0.5), "dep_delay: infinite 0 % → 50 %"),
    (quality("out_of_range", 0.0, 0.5), "dep_delay: outside the reference's range 0 % → 50 %"),
    (
        quality(
            "frozen", 0.2, 1.0, histograms=HistogramPair(bins=["17.5", "(other)"], reference=[2, 8], current=[9, 0])
        ),
        "dep_delay: always 17.5",
    ),
    (quality("unseen", 0.0, 0.1034, "country", unseen={"XX": 70}), "country: new category 'XX', 10 % of values"),
    (
        quality("unseen", 0.0, 0.1, "country", unseen={"c": 1, "b": 5, "a": 5}),
        "country: new categories 'a', 'b' and 1 more, 10 % of values",
    ),
    (quality("unseen", 0.01, 0.3, "country"), "country: new categories, 1 % → 30 % of values"),
    (quality("cardinality", 3.0, 120.0, "zip"), "zip: 120 new categories, 3 expected"),
    (quality("appeared", 0.0, 0.31, None, unseen={"tax": 9}), "new feature 'tax', in 31 % of events"),
    (quality("volume", 120.0, 45.0, None), "events a minute 120 → 45"),
    (quality("duplicates", 0.0, 0.124, None), "repeated prediction ids 0 % → 12.4 %"),
    (moved((52_034.2, 70_211.0), (9_000.0, 12_000.0)), "x: mean 52,000 → 70,200"),
    (moved((52_034.2, 70_211.0), (9_000.0, 90_000.0), unit_change=unit(1.35, None)), "x: mean 52,000 → 70,200"),
    (moved((1_020.3, 1_020.1), (7.1, 2.4)), "x: spread 7.1 → 2.4"),
    (moved((1.0, 1.05)), "x: values in [1, 2) 10 % → 45 %"),
    (
        moved((1.0, 1.05), histograms=HistogramPair(bins=["< 1", ">= 1"], reference=[5, 5], current=[9, 1])),
        "x: values < 1 50 % → 90 %",
    ),
    (moved((520.0, 52_000.0), unit_change=unit(100.0, CENTS)), "x: x 100 (cents instead of euros?)"),
    (moved((520.0, 5.2), unit_change=unit(0.01, EUROS)), "x: x 0.01 (euros instead of cents?)"),
    (
        moved((20.0, 68.0), unit_change=unit(1.8, "degrees Celsius -> degrees Fahrenheit", 32.0)),
        "x: x 1.8 + 32 (degrees Fahrenheit instead of degrees Celsius?)",
    ),
    (
        finding(
            HOUR,
            column="channel",
            histograms=HistogramPair(bins=["web", "phone"], reference=[55, 45], current=[40, 60]),
        ),
        "channel: share of web 55 % → 40 %",
    ),
    (finding(HOUR, "threshold.psi", column="channel"), "channel: distribution changed"),
    (
        finding(
            HOUR, "multivariate.correlation", "multivariate", column=None, sides=(0.8, 0.1), most_changed=("a", "b")
        ),
        "correlation of a and b 0.8 → 0.1",
    ),
    (
        finding(HOUR, "multivariate.reconstruction", "multivariate", column=None, most_changed=("a",)),
        "numeric features together changed, most in a",
    ),
    (
        finding(HOUR, "labels.arrival.1d", "labels", column=None, sides=(0.64, 0.32)),
        "labels come late: 64 % → 32 % of predictions have one within 1d",
    ),
    (finding(HOUR, "labels.silent", "labels", column=None), "labels: there are none"),
    (
        finding(HOUR, "labels.orphans", "labels", column=None, sides=(0.01, 0.03)),
        "labels whose prediction never came 1 % → 3 %",
    ),
    (finding(HOUR, "intake.unmatched", "intake", column=None, sides=(0.0, 0.98)), "98 % of labels meet no prediction"),
    (
        structs.replace(
            finding(HOUR, "intake.refused", "intake", column=None, sides=(0.0, 0.37)), model_version="intake.labels"
        ),
        "labels: 37 % of records are refused",
    ),
    (
        finding(HOUR, "performance.label_classes", "performance", column=None, sides=(0.0, 1.0)),
        "performance unknown: labels are of no class of the task",
    ),
    (
        finding(
            HOUR,
            "detector.cusum",
            "detector",
            moments=ColumnMoments(
                mean=2.0, reference_mean=1.0, standard_deviation=None, reference_standard_deviation=None
            ),
        ),
        "income: mean 1 → 2",
    ),
    (finding(HOUR, "another.check", "quality"), "income: changed"),
]


@pytest.mark.parametrize(("made", "title"), TITLES, ids=[title for _, title in TITLES])
def test_a_title_has_the_numbers_that_differ(made: FindingEvent, title: str) -> None:
    assert words_of(made).title == title


def test_by_the_hour_the_mean_of_all_hours_says_nothing() -> None:
    hourly = DispersionEvidence(
        status="settled",
        source="reference",
        independent=True,
        lambda_bar=1.0,
        lambda_max=1.0,
        degrees_of_freedom=None,
        n_panes=1,
        n_windows=1,
        same_hours=True,
    )
    assert words_of(moved((1.0, 9.0), dispersion=hourly)).title == "x: values in [1, 2) 10 % → 45 %"


def test_a_sentence_says_what_since_when_how_bad_how_sure_and_where_to_look() -> None:
    place = quality("unseen", 0.0, 0.1, "place", unseen={"new": 40})
    x = structs.replace(moved((0.04, 0.99), (2.4, 2.5)), column="x")
    root, other = shown(place, "data drift"), shown(x, "data drift")
    begun = Interval(12 * HOUR + 600_000, 12 * HOUR + 35 * 60_000)
    assert title_of(root, ["x"]) == "place: new category 'new', 10 % of values and 1 more column"
    assert sentence_of(root, [other], ["x"], begun) == (
        "Since between 12:10 and 12:35 on 1970-01-01 (UTC), `place` has a category that the reference does not know "
        "('new', 10 % of values); `x` has moved with it (mean 0.04 → 0.99). The change is 2 times the smallest that "
        "matters. Chance does not explain it: unchanged data look like this in less than one of a million windows. "
        "Look first at what writes `place`."
    )


def test_a_sentence_counts_columns_and_tells_what_the_model_says() -> None:
    root = shown(quality("missing", 0.03, 0.43), "data quality")
    others = [shown(structs.replace(moved((1.0, 2.0)), column=name), "data drift") for name in "abcd"]
    scores = finding(HOUR, column="score", role="score", multiple=4.0, moments=moved((0.3, 0.6)).moments)
    predictions = shown(scores, "prediction drift")
    fewer = shown(quality("volume", 120.0, 45.0, None), "data quality")
    said = sentence_of(root, [*others, predictions, fewer], ["a", "b", "c", "d"], Interval(0, 30 * HOUR))
    assert said.startswith(
        "Since between 1970-01-01 00:00 and 1970-01-02 06:00 (UTC), `dep_delay` is missing in 43 % of events, "
        "3 % before; "
        "4 more columns have changed with it: `a`, `b`, `c` and 1 more; the score has moved as well (mean 0.3 → 0.6); "
        "there is another number of events than in earlier weeks (120 → 45 a minute). "
        "The largest change is 4 times the smallest"
    )
    assert title_of(root, ["a", "b", "c", "d"]) == "dep_delay: missing 3 % → 43 % and 4 more columns"


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (structs.replace(moved((1.0, 2.0)), column="x"), "Look first at `x`, and what feeds it."),
        (
            finding(HOUR, column="score", role="score"),
            "Look first at which model is deployed: the features have not changed",
        ),
        (quality("volume", 1.0, 2.0, None), "Look first at what sends the events."),
        (quality("appeared", 0.0, 0.3, None), "Look first at what writes the events."),
        (
            finding(HOUR, "multivariate.correlation", "multivariate", column=None, most_changed=("a", "b")),
            "Look first at `a` and `b`.",
        ),
        (finding(HOUR, "labels.silent", "labels", column=None), "Look first at what writes the labels."),
        (finding(HOUR, "intake.refused", "intake", column=None), "intake.refused changed."),
    ],
)
def test_a_sentence_ends_with_where_to_look_first(made: FindingEvent, said: str) -> None:
    assert said in sentence_of(shown(made, "data drift"), [], [], Interval(0, HOUR))


def test_how_sure_it_is_depends_on_what_was_tested() -> None:
    def said(made: FindingEvent) -> str:
        return sentence_of(shown(made, "data drift"), [], [], Interval(0, HOUR))

    assert "in about one of 20,000 windows" in said(finding(HOUR, p_value=5e-5))
    assert "just large enough to matter" in said(finding(HOUR, multiple=1.0))
    detected = structs.replace(finding(HOUR, "detector.cusum", "detector", p_value=None), effect=None)
    assert "An e-detector found it, whose false alarms the budget bounds." in said(detected)
    limit = said(finding(HOUR, "threshold.psi", p_value=None))
    assert "Chance" not in limit
    assert "windows" not in limit


def test_no_statistic_is_named() -> None:
    for made, _ in TITLES:
        sentence = sentence_of(shown(made, "data drift"), [], [], Interval(0, HOUR)).lower()
        if made.family != "intake":
            assert not [word for word in ("psi", "pearson", "chi", "p =", "kolmogorov") if f" {word}" in sentence], (
                sentence
            )


def test_the_title_names_the_groups_that_vanished_and_not_the_one_that_has_their_values() -> None:
    pairs = HistogramPair(bins=["web", "app", "fax", "telex"], reference=[400, 550, 30, 20], current=[450, 550, 0, 0])
    made = structs.replace(finding(HOUR, column="channel"), histograms=pairs)
    assert words_of(made).title == "channel: share of fax and telex 5 % → 0 %"
    one = HistogramPair(bins=["web", "app", "fax"], reference=[400, 570, 30], current=[430, 570, 0])
    assert words_of(structs.replace(made, histograms=one)).title == "channel: share of fax 3 % → 0 %"
    rare = HistogramPair(bins=["web", "app", "fax"], reference=[4_000, 5_990, 10], current=[560, 440, 0])
    assert words_of(structs.replace(made, histograms=rare)).title == "channel: share of web 40 % → 56 %"


def test_columns_with_the_same_problem_stand_together() -> None:
    root = shown(quality("missing", 0.0, 0.68, column="carrier"), "data quality")
    assert title_of(root, ["age", "income"], ["carrier", "age", "income"]) == (
        "carrier and 2 more columns: missing 0 % → 68 %"
    )
    assert title_of(root, ["age", "income"], ["carrier", "age"]) == (
        "carrier and 1 more column: missing 0 % → 68 %; 1 other column"
    )
    assert title_of(root, ["age"]) == "carrier: missing 0 % → 68 % and 1 more column"


def test_a_part_of_the_values_in_another_unit_is_said_with_its_fraction() -> None:
    made = moved((50.0, 1_700.0), unit_change=structs.replace(unit(100.0, CENTS), part=0.34))
    assert words_of(made).title == "x: 34 % of values x 100 (cents instead of euros?)"


def test_a_version_that_is_new_is_what_to_look_at_first() -> None:
    root = shown(performance("accuracy", 0.883, 0.82), "performance")
    told = sentence_of(root, [], [], Interval(0, 3_600_000), new_version="2")
    assert told.endswith(
        "The first predictions of version 2 are of that time: look first at what was deployed with it."
    )
    explained = sentence_of(root, [], [], Interval(0, 3_600_000), "abc", new_version="2")
    assert explained.endswith("It follows from the problem of the alert abc: look there first.")
