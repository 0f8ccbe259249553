"""The electricity example on a real broker: a real change found in time, no season taken for one, every record kept."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from examples.electricity.market import FILE, FOLDER_VARIABLE, VICTORIAN, data_file
from examples.electricity.picture import draw
from examples.electricity.report import failures, show
from examples.electricity.scenario import run

if TYPE_CHECKING:
    from examples.electricity.scenario import Outcome

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

OPENING = "1997-05-05T00:00:00.000Z"  # row 17,424 at half an hour a row
ROWS_SENT = 45_312 - 16_128
MEASURED = 87
FIRST_WINDOW_END = "1997-05-06T00:00:00.000Z"
FIRST_PANE_END = "1997-05-05T01:00:00.000Z"  # an e-detector tells of it twenty-three hours before the window


@pytest.fixture(scope="module")
def data() -> None:
    try:
        data_file()
    except FileNotFoundError:
        pytest.skip(f"no data: {FOLDER_VARIABLE} names no folder that holds {FILE}")


@pytest.fixture(scope="module")
def outcome(data: None, real_broker: str) -> Outcome:  # noqa: ARG001 - without the data no broker is started
    return run(real_broker, f"electricity-{uuid.uuid4().hex[:8]}", print)


def test_the_opening_of_the_other_market_is_found_within_a_window_and_nothing_before(outcome: Outcome) -> None:
    assert {opening.column for opening in outcome.openings} == set(VICTORIAN)
    for opening in outcome.openings:
        assert opening.opened == OPENING
        assert opening.before == []
        assert opening.in_time(outcome.window_ms)
        assert opening.first is not None
        assert opening.first["window"]["end"] == FIRST_WINDOW_END
        assert opening.first["severity"] == "critical"


def test_the_opening_is_a_page_of_its_own(outcome: Outcome) -> None:
    page = outcome.page
    assert page is not None
    assert page["cause"] == "data drift"
    assert page["severity"] == "critical"
    assert page["updated_at"] == FIRST_PANE_END
    assert {finding["column"] for finding in page["findings"]} == set(VICTORIAN)


def test_no_season_of_demand_is_taken_for_a_change(outcome: Outcome) -> None:
    assert {season.column for season in outcome.seasons} == {"day", "period", "nswdemand"}
    for season in outcome.seasons:
        assert season.findings == []
        assert season.early_besides_christmas == []
        assert len(season.early) <= 1
        assert season.n_windows == season.n_same_hours == 607


def test_accuracy_by_window_is_scikit_learns(outcome: Outcome) -> None:
    assert outcome.measured[-1].end == outcome.marks.performance_end
    assert len(outcome.measured) == MEASURED
    for window in outcome.measured:
        assert window.n_labelled == window.n_rows
        assert window.coverage == 1
        assert window.accuracy == pytest.approx(window.accuracy_expected, abs=1e-9)
        assert window.auc == pytest.approx(window.auc_expected, abs=window.auc_error_bound)


def test_every_record_is_accounted_for(outcome: Outcome) -> None:
    account = outcome.account
    assert account.problems == []
    assert account.predictions_sent == account.sketched + account.late + account.predictions_refused == ROWS_SENT + 7
    assert account.late == account.late_expected == 6
    assert account.refused == account.refused_expected
    assert (account.predictions_refused, account.labels_refused) == (7, 2)
    assert account.labels_joined == ROWS_SENT
    assert account.sketched + account.late == account.in_windows + account.still_open


def test_two_sketch_workers_shared_the_input(outcome: Outcome) -> None:
    assert len(outcome.records_by_worker) == 2
    assert min(outcome.records_by_worker) > 0
    assert sum(outcome.records_by_worker) == outcome.account.predictions_sent + outcome.account.labels_sent


def test_the_example_says_that_all_holds_and_draws_it(outcome: Outcome, capsys: pytest.CaptureFixture[str]) -> None:
    assert failures(outcome) == []
    show(outcome)
    assert capsys.readouterr().out.endswith("all of it holds\n")
    picture = ET.fromstring(draw(outcome))  # noqa: S314 - our own picture
    assert len(picture.findall("{http://www.w3.org/2000/svg}polyline")) == 7
