"""The detect worker when its broker goes away and comes back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.detect_harness import Panes, workers_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.real_broker import RealBroker


@pytest.mark.slow
def test_a_worker_outlives_its_broker_and_loses_nothing(
    own_broker: RealBroker, topic_prefix: str, tmp_path: Path
) -> None:
    panes = Panes(own_broker.bootstrap, topic_prefix)
    with workers_of(panes, tmp_path) as workers:
        worker = workers.start().wait_ready()
        panes.write(900)
        worker.wait_applied(900)
        own_broker.stop()
        own_broker.start()
        panes.write(900)
        worker.wait_applied(1_700)
        panes.settle(worker)
        worker.stop()
        panes.expect()
