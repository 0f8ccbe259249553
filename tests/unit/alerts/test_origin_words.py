"""Where a change comes from, in words, and how an alert keeps it."""

from __future__ import annotations

from msgspec import structs

from driftline.alerts.origin_words import source_of, where_from
from driftline.alerts.problems import with_first_offsets
from driftline.alerts.shown import shown
from driftline.events.origin import Origin
from tests.support.alert_runs import HOUR, finding


def origin(dimension: str, value: str, offsets: dict[str, int] | None = None, *, exact: bool = True) -> Origin:
    return Origin(
        dimension=dimension,
        value=value,
        share_of_events=0.3,
        share_of_change=1.0,
        since="2026-03-01T12:10:00.000Z" if exact else "2026-03-01T12:20:00.000Z",
        first_offsets={} if offsets is None else offsets,
        exact=exact,
    )


def test_each_kind_of_origin_has_its_words() -> None:
    alone = [origin("partition", "2", {"2": 50_003})]
    eu = [origin("partition", f"eu-{number}", {f"eu-{number}": 5 * number}) for number in (1, 2)]
    unnamed = [origin("header p", "(none)", {"0": 1, "1": 2, "2": 3, "3": 4}, exact=False)]
    of_eu = "of the partitions eu-1 and eu-2 are affected, from offset 5 of partition eu-1 and offset 10"
    of_unnamed = "without a header `p` are affected, from about offset 1 of partition 0 and offset 2 of partition 1"
    versions = [origin("field /v", "1.5"), origin("field /v", "1.6"), origin("partition", "0", {"0": 1})]
    for named, only, look in (
        (alone, "of partition 2 are affected, from offset 50,003 on", "to partition 2"),
        (eu, f"{of_eu} of partition eu-2", "to the partitions eu-1 and eu-2"),
        ([origin("schema", "17")], "with schema `17` are affected", "records with schema `17`"),
        ([origin("schema", "(none)")], "without a schema are affected", "records without a schema"),
        (unnamed, f"{of_unnamed}, and of 2 more partitions", "records without a header `p`"),
        (versions, "with field `/v` = `1.5` or `1.6` are affected", "records with field `/v` = `1.5` or `1.6`"),
    ):
        assert where_from(named) == f"Only records {only}."
        assert source_of(named) == f"what writes {look}"
    assert where_from([]) == ""


def kept(now: Origin, before: Origin | None) -> list[Origin]:
    base = shown(finding(HOUR), "data drift")
    known = None if before is None else (before,)
    found = with_first_offsets(structs.replace(base, origins=(now,)), structs.replace(base, origins=known))
    return [*(found.origins or ())]


def test_an_alert_keeps_the_first_offsets_that_it_knew() -> None:
    early, late = origin("header p", "a", {"0": 5}), origin("header p", "a", {"0": 9, "1": 4}, exact=False)
    (found,) = kept(late, early)
    assert (found.first_offsets, found.since, found.exact) == ({"0": 5, "1": 4}, early.since, True)
    (found,) = kept(early, late)
    assert found == early
    assert kept(late, origin("header p", "b", {"0": 1})) == [late]
    assert kept(late, None) == [late]
