"""What commands do to alerts: acknowledged, noted, muted and ended; and how that is told."""

from __future__ import annotations

import pytest
from msgspec import UNSET, structs

from driftline.alerts import PREDICTION_CAUSES, AlertRules, ModelAlerts, advance
from driftline.alerts.directives import MuteSubject, Muting
from driftline.alerts.obedience import MAX_NOTES, Obeyed, acknowledge, end, mute_anew, note
from driftline.alerts.onsets import Interval
from driftline.alerts.told_beside import beside_words, plain
from driftline.events.alert import Acknowledged, AlertEvent, AlertNote, Beside
from driftline.events.cloudevents import rfc3339
from tests.support.alert_runs import DAY, HOUR, Seen, finding

RULES = AlertRules(resolve_after=2, sizes=(HOUR,), remind_after_ms=5 * HOUR)
SAID = Acknowledged(by="ann", at=rfc3339(HOUR), comment=None, useful=None)


class Told:
    """Directives of a test."""

    def __init__(self, muted: tuple[int, int] = (0, 0), beside: tuple[Beside, ...] = ()) -> None:
        self.muted, self.near = muted, [*beside]

    def muting(self, _subject: MuteSubject, at_ms: int) -> Muting | None:
        first, until = self.muted
        return Muting("ann", until) if first < at_ms < until else None

    def beside(self, _onset: Interval, _at_ms: int) -> list[Beside]:
        return self.near


class Alerts:
    """One sequence of alerts."""

    def __init__(self, told: Told | None = None) -> None:
        self.state, self.told = ModelAlerts(), told
        self.records: list[AlertEvent] = []

    def see(self, hour: int, *multiples: float, column: str = "x") -> AlertEvent | None:
        """Let an hour end, with findings of these effects; return the record of it."""
        found = [finding(hour * HOUR, column=column, multiple=multiple) for multiple in multiples]
        seen = Seen(hour * HOUR, tuple(found))
        step = advance(self.state, seen.observation, seen.findings, PREDICTION_CAUSES, RULES, directives=self.told)
        self.state = step.alerts
        self.records += step.records
        return step.records[-1] if step.records else None

    def obey(self, result: Obeyed) -> list[AlertEvent]:
        self.state = result.alerts
        self.records += result.records
        return [*result.records]

    @property
    def first(self) -> str:
        return self.records[0].alert_id


def test_an_acknowledged_alert_reminds_nobody_but_becomes_worse() -> None:
    alerts, ignored = Alerts(), Alerts()
    for each in (alerts, ignored):
        each.see(1, 1.2)
    (record,) = alerts.obey(acknowledge(alerts.state, alerts.first, SAID, HOUR))
    assert (record.revision, record.notify, record.acknowledged) == (2, False, SAID)
    for hour in range(2, 8):
        alerts.see(hour, 1.2)
        ignored.see(hour, 1.2)
    assert [each.notified_for for each in ignored.records if each.notify] == ["opened", "still open"]
    assert [each.notified_for for each in alerts.records if each.notify] == ["opened"]
    worse = alerts.see(8, 20.0)
    assert worse is not None
    assert (worse.notify, worse.notified_for, worse.acknowledged) == (True, "far greater effect", SAID)


def test_what_was_said_of_its_use_stays_until_it_is_said_anew() -> None:
    alerts = Alerts()
    alerts.see(1, 2.0)
    alerts.obey(acknowledge(alerts.state, alerts.first, structs.replace(SAID, useful=True), HOUR))
    (kept,) = alerts.obey(acknowledge(alerts.state, alerts.first, structs.replace(SAID, by="bob"), HOUR))
    assert kept.acknowledged == structs.replace(SAID, by="bob", useful=True)
    (other,) = alerts.obey(acknowledge(alerts.state, alerts.first, structs.replace(SAID, useful=False), HOUR))
    assert isinstance(other.acknowledged, Acknowledged)
    assert other.acknowledged.useful is False
    assert acknowledge(alerts.state, "none", SAID, HOUR) == Obeyed(alerts.state)


def test_an_alert_that_opens_again_is_not_acknowledged() -> None:
    alerts = Alerts()
    alerts.see(1, 2.0)
    alerts.obey(acknowledge(alerts.state, alerts.first, SAID, HOUR))
    alerts.see(2)
    resolved = alerts.see(3)
    assert resolved is not None
    assert (resolved.state, resolved.acknowledged) == ("resolved", SAID)
    (useful,) = alerts.obey(acknowledge(alerts.state, alerts.first, structs.replace(SAID, useful=True), 3 * HOUR))
    assert useful.state == "resolved"
    again = alerts.see(4, 20.0)
    assert again is not None
    assert (again.alert_id, again.state, again.notified_for, again.acknowledged) == (
        alerts.first,
        "open",
        "reopened",
        UNSET,
    )


def test_notes_are_bounded() -> None:
    alerts = Alerts()
    alerts.see(1, 2.0)
    for number in range(MAX_NOTES + 5):
        alerts.obey(note(alerts.state, alerts.first, AlertNote(by="ann", at=rfc3339(0), text=str(number)), HOUR))
    notes = alerts.records[-1].notes
    assert isinstance(notes, list)
    assert [each.text for each in notes] == [str(number) for number in range(5, MAX_NOTES + 5)]
    assert note(alerts.state, "none", notes[0], HOUR).records == ()


def test_a_muted_alert_notifies_once_when_the_mute_is_over() -> None:
    alerts = Alerts(Told((0, 4 * HOUR)))
    opened = alerts.see(1, 1.2)
    assert opened is not None
    assert (opened.notify, opened.notification, opened.notified_for) == (False, 0, "none")
    assert (opened.muted_by, opened.muted_until) == ("ann", rfc3339(4 * HOUR))
    alerts.see(2, 20.0)
    assert not any(each.notify for each in alerts.records)
    assert alerts.told is not None
    (over,) = alerts.obey(mute_anew(alerts.state, alerts.told, 4 * HOUR))
    assert (over.notify, over.notification, over.notified_for, over.muted_until) == (True, 1, "mute over", UNSET)
    assert mute_anew(alerts.state, alerts.told, 4 * HOUR).records == ()


def test_a_mute_that_begins_later_is_told_and_one_without_news_ends_in_silence() -> None:
    alerts = Alerts(Told((HOUR, 3 * HOUR)))
    opened = alerts.see(1, 2.0)
    assert opened is not None
    assert opened.notify
    assert alerts.told is not None
    (muted,) = alerts.obey(mute_anew(alerts.state, alerts.told, HOUR))
    assert (muted.notify, muted.muted_by) == (False, "ann")
    (over,) = alerts.obey(mute_anew(alerts.state, alerts.told, 3 * HOUR))
    assert (over.notify, over.muted_by, over.notified_for) == (False, UNSET, "opened")


def test_what_a_mute_matches_no_more_notifies() -> None:
    alerts = Alerts(Told((0, 9 * HOUR)))
    alerts.see(1, 2.0)
    alerts.told = Told()
    grown = alerts.see(2, 2.0)
    assert grown is not None
    assert (grown.notify, grown.notified_for, grown.muted_by) == (True, "mute over", UNSET)


def test_a_resolved_alert_is_muted_no_more_and_notifies_nobody() -> None:
    alerts = Alerts(Told((0, 9 * HOUR)))
    alerts.see(1, 2.0)
    alerts.see(2)
    resolved = alerts.see(3)
    assert resolved is not None
    assert (resolved.notify, resolved.muted_until) == (False, UNSET)
    assert mute_anew(alerts.state, Told(), 9 * HOUR).records == ()


def test_what_a_command_ends_is_over_and_found_again_as_another_alert() -> None:
    alerts = Alerts()
    alerts.see(1, 2.0)
    (ended,) = alerts.obey(end(alerts.state, lambda _: True, 90 * 60_000, "ann set a new baseline"))
    assert (ended.state, ended.resolved_at, ended.notify) == ("resolved", "1970-01-01T01:30:00.000Z", False)
    assert ended.sentence.startswith("Over at 1970-01-01 01:30 (UTC): ann set a new baseline. Before: Since")
    again = alerts.see(2, 2.0)
    assert again is not None
    assert again.alert_id != alerts.first
    assert again.notified_for == "opened"
    assert end(alerts.state, lambda _: False, HOUR, "x") == Obeyed(alerts.state)
    later = alerts.see(1 + 31 * 24, 2.0)
    assert later is not None
    assert all(time_ms > DAY for time_ms, _ in alerts.state.resolved), "its record is deleted in time"


def deploy(at_ms: int, **fields: str) -> Beside:
    given = {"kind": "deploy", "by": "bot", "model_version": "4", "text": "", **fields}
    return Beside(at=rfc3339(at_ms), **given)  # type: ignore[arg-type]  # its fields


def test_the_most_telling_stands_in_the_sentence() -> None:
    noted = Beside(kind="note", at=rfc3339(30 * 60_000), by="eve", model_version=None, text="x")
    opened = Alerts(Told(beside=(noted, deploy(45 * 60_000)))).see(1, 2.0)
    assert opened is not None
    assert "Version 4 was deployed by bot at 00:45, in that time." in opened.sentence
    assert opened.sentence.endswith("Look first at version 4, deployed by bot at 00:45.")
    assert isinstance(opened.beside, list)
    assert [each.kind for each in opened.beside] == ["note", "deploy"]


@pytest.mark.parametrize(
    ("beside", "said"),
    [
        (deploy(7 * 60_000), "Version 4 was deployed by bot 3 minutes before."),
        (deploy(9 * 60_000 + 55_000), "Version 4 was deployed by bot 5 seconds before."),
        (deploy(7 * 60_000, kind="rollback"), "Version 4 was rolled back to by bot 3 minutes before."),
        (deploy(7 * 60_000, model_version=""), "The model was deployed by bot 3 minutes before."),
        (deploy(7 * 60_000, kind="rebaseline"), "bot set a new baseline 3 minutes before."),
        (deploy(7 * 60_000, kind="maintenance", text="move"), "A maintenance (move) began 3 minutes before."),
        (deploy(7 * 60_000, kind="note", text="a\nb"), "bot noted 'a b' 3 minutes before."),
        (
            deploy(7 * 60_000, kind="configuration"),
            "driftline's configuration of the model was changed 3 minutes before.",
        ),
    ],
)
def test_what_happened_before_is_told_without_sending_people_there(beside: Beside, said: str) -> None:
    words = beside_words([beside], Interval(10 * 60_000, 20 * 60_000))
    assert words == (said, None)


def test_hostile_texts_stay_on_one_line_and_are_cut() -> None:
    assert beside_words([], Interval(0, 1)) is None
    assert plain("\x1b[2J\u202eevil\r\nLook first at my page") == "[2J evil Look first at my page"
    assert len(plain("x" * 500)) == 60
