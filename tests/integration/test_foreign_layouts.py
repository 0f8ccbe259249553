"""The same traffic through the layouts and serializers of others says the same as through plain JSON."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, NamedTuple

import pytest
import yaml
from confluent_kafka import Producer
from msgspec.structs import replace

from driftline.config.load import load_settings
from driftline.config.secrets import Credentials
from driftline.events.dead_letter import UNPAIRED
from driftline.events.mapping_check import mapping_problems
from driftline.inspection.examination import examine, report_of
from driftline.runtime.encodings.input_encodings import InputEncodings
from driftline.runtime.inspect.sampling import TopicSampler
from tests.support.foreign_producers import write_by_go, write_by_java, write_by_node
from tests.support.foreign_traffic import SETTINGS, profiles, write_traffic
from tests.support.layouts import (
    BY_GO,
    BY_JAVA,
    BY_NODE,
    DESCRIPTORS,
    LAYOUTS,
    OWN_LABELS,
    REGISTRY,
    WITHOUT_RETRACTIONS,
    PythonLayouts,
)
from tests.support.real_broker import ROOT, create_topics
from tests.support.record_runs import said, stored
from tests.support.schema_registry import SchemaRegistry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from driftline.config.settings import Settings
    from driftline.inspection.report import Report
    from tests.support.record_runs import Said, Stored

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


class Written(NamedTuple):
    """The traffic in the topics of a broker, of which each layout has its own."""

    bootstrap: str
    prefix: str
    registry: str
    folder: Path

    @property
    def arguments(self) -> tuple[str, Path, str]:
        """Return what producers in other languages are given."""
        return self.bootstrap, self.folder, self.prefix

    def settings(self, layout: str) -> Settings:
        """Return the configuration with the lines of a layout, as the documentation shows them."""
        lines = LAYOUTS[layout].replace(REGISTRY, self.registry).replace(DESCRIPTORS, str(self.folder / DESCRIPTORS))
        sections = yaml.safe_load(lines.replace("tests/foreign", str(ROOT / "tests" / "foreign"))) or {}
        for topic in ("predictions", "labels"):
            sections[topic] = {"topic": topic} | sections.get(topic, {})
        path = self.folder / f"{layout}.yaml"
        path.write_text(yaml.safe_dump(SETTINGS | sections))
        return load_settings(path, {}, settings_checks=[mapping_problems])

    def records(self, name: str) -> list[Stored]:
        """Return the records of a topic, as its producer wrote them."""
        return stored(self.bootstrap, self.prefix + name)

    def said(self, layout: str, *, retractions: bool = True) -> Said:
        """Return what both stages say of a layout's records."""
        labels = self.records(f"{layout}-labels" if layout in OWN_LABELS else "labels")
        if not retractions:
            labels = [label for label in labels if b'"label": null' not in (label.value or b"")]
        return said(self.settings(layout), profiles(), self.records(layout), labels)

    def examined(self, layout: str) -> Report:
        """Return what the doctor says of a layout's topics under its configuration."""
        labels = f"{layout}-labels" if layout in OWN_LABELS else "labels"
        settings = self.settings(layout)
        assert settings.labels is not None
        settings = replace(
            settings,
            kafka=replace(settings.kafka, brokers=self.bootstrap),
            predictions=replace(settings.predictions, topic=self.prefix + layout),
            labels=replace(settings.labels, topic=self.prefix + labels),
        )
        sampler = TopicSampler(settings, Credentials(), InputEncodings(settings, Credentials()))
        predictions = sampler.sample(self.prefix + layout, "predictions")
        outcomes = sampler.sample(self.prefix + labels, "labels")
        return report_of(examine(predictions, outcomes, settings, configured=True))


@pytest.fixture(scope="module")
def written(real_broker: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Written]:
    """Give topics with the traffic, written by what Python producers use."""
    folder = tmp_path_factory.mktemp("foreign")
    prefix = f"foreign-{uuid.uuid4().hex[:8]}-"
    names = [*LAYOUTS, "labels", *(f"{layout}-labels" for layout in OWN_LABELS)]
    create_topics(real_broker, {prefix + name: 1 for name in names}, {"retention.ms": "-1"})
    write_traffic(folder)
    with SchemaRegistry() as registry:
        producer = Producer({"bootstrap.servers": real_broker, "linger.ms": 20})
        PythonLayouts(producer, prefix, registry.url, folder).write()
        yield Written(real_broker, prefix, registry.url, folder)


@pytest.fixture(scope="module")
def plain(written: Written) -> Said:
    """Return what is said of plain JSON."""
    found = written.said("json")
    assert found.totals.n_dead_letters == 0
    for kind in ("window", "performance", "finding", "estimate", "label_arrival"):
        assert any(f"io.driftline.{kind}.v1" in output for output in found.outputs), f"there are no events `{kind}`"
    return found


def accepted_by_the_doctor(written: Written, layout: str) -> None:
    """Check that the doctor finds every record usable and nothing wrong, and knows models, columns and ids."""
    report = written.examined(layout)
    lines = [line for section in report.sections for line in section.lines]
    assert [line.text for line in lines if line.level == "problem"] == []
    said = "\n".join(line.text for line in lines)
    assert said.count(" are accepted") == 2, said
    for words in ("model price (4)", "amount", "channel", "prediction", "ids of the samples are in both topics"):
        assert words in said, said


@pytest.mark.parametrize("layout", sorted(LAYOUTS.keys() - {"json", "sagemaker", *BY_GO, *BY_NODE, *BY_JAVA}))
def test_what_python_producers_write(written: Written, plain: Said, layout: str) -> None:
    found = written.said(layout)
    assert found.outputs == plain.outputs
    assert found.totals.n_dead_letters == 0
    accepted_by_the_doctor(written, layout)


def test_sagemakers_captures_and_ground_truth(written: Written, plain: Said) -> None:
    assert WITHOUT_RETRACTIONS == ("sagemaker",)
    without_retractions = written.said("json", retractions=False)
    assert without_retractions.outputs != plain.outputs, "retractions can be seen"
    found = written.said("sagemaker")
    assert found.outputs == without_retractions.outputs
    assert found.totals.n_dead_letters == 0
    accepted_by_the_doctor(written, "sagemaker")


def test_what_a_go_client_writes(written: Written, plain: Said) -> None:
    write_by_go(*written.arguments)
    assert written.said("flat").outputs == plain.outputs
    accepted_by_the_doctor(written, "flat")
    halves = written.said("kserve-v1")
    assert halves.outputs == plain.outputs
    assert halves.totals.refused == {UNPAIRED: 1}, "one request has no response"
    assert "Expected the response of the request `lost` within 10,000 records" in halves.totals.first_refusals[UNPAIRED]


def test_what_a_node_client_writes(written: Written, plain: Said) -> None:
    write_by_node(*written.arguments)
    for layout in BY_NODE:
        found = written.said(layout)
        assert found.outputs == plain.outputs
        assert found.totals.n_dead_letters == 0
        accepted_by_the_doctor(written, layout)


def test_what_java_clients_write(written: Written, plain: Said) -> None:
    write_by_java(*written.arguments)
    for layout in BY_JAVA:
        found = written.said(layout)
        assert found.outputs == plain.outputs
        assert found.totals.n_dead_letters == 0
        accepted_by_the_doctor(written, layout)


def test_the_documentation_shows_the_lines_of_every_layout() -> None:
    text = (ROOT / "docs" / "foreign-layouts.md").read_text(encoding="utf-8")
    for layout, lines in LAYOUTS.items():
        assert f"| `{layout}` |" in text
        assert len(lines.splitlines()) <= 10
        if lines:
            assert f"```yaml\n{lines}```\n" in text, f"docs/foreign-layouts.md lacks the lines of {layout}"
