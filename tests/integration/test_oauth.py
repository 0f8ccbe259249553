"""Both stages on a broker that takes tokens only, each of which expires several times during the run."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest

from tests.support.expected import expected
from tests.support.real_broker import wait_until
from tests.support.stream import Input, Stream
from tests.support.token_endpoint import TokenEndpoint, token_endpoint, unsigned_token
from tests.support.traffic import CALIBRATED_MS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.support.real_broker import RealBroker

SECRET = "correct-horse-battery"  # noqa: S105 - of a client that exists nowhere else
LIFETIME_S = 8.0


@pytest.fixture
def endpoint() -> Iterator[TokenEndpoint]:
    with token_endpoint(LIFETIME_S) as running:
        yield running


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_stream_passes_while_tokens_of_an_endpoint_expire(
    oauth_broker: RealBroker, endpoint: TokenEndpoint, topic_prefix: str, tmp_path: Path
) -> None:
    wanted = expected()
    (tmp_path / "id").write_text("driftline")
    (tmp_path / "secret").write_text(SECRET + "\n")
    oauth = {
        "token_endpoint": endpoint.url,
        "client_id_file": str(tmp_path / "id"),
        "client_secret_file": str(tmp_path / "secret"),
        "scope": "kafka",
        "extensions": {"tenant": "a"},
    }
    stream = _stream(oauth_broker, topic_prefix, tmp_path, oauth)
    stream.input.write(until_ms=CALIBRATED_MS)
    before = len(endpoint.asked)
    with stream.workers() as workers:
        workers.start("sketch", "sketch-0")
        workers.start("detect", "detect-0")
        stream.await_outputs(workers, 50)
        # Two processes, each with one source of tokens for all its clients.
        wait_until(lambda: len(endpoint.asked) >= before + 6, 60, lambda: f"tokens renewed\n{workers.logs()}")
        stream.input.write(from_ms=CALIBRATED_MS)
        stream.settle(workers, wanted)
        logs = "".join(worker.log() for worker in workers.started)
    assert stream.expect(wanted) == 0, "an expired token is no reason to repeat anything"
    assert SECRET not in logs
    assert "eyJ" not in logs, "no token is logged"
    client = base64.b64encode(f"driftline:{SECRET}".encode()).decode()
    assert {asked.authorization for asked in endpoint.asked} == {f"Basic {client}"}
    assert endpoint.asked[-1].form == {"grant_type": ["client_credentials"], "scope": ["kafka"]}


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_stream_passes_with_tokens_of_a_file(oauth_broker: RealBroker, topic_prefix: str, tmp_path: Path) -> None:
    wanted = expected()
    file = tmp_path / "token"
    file.write_text(unsigned_token("from-a-file", 3_600) + "\n")
    stream = _stream(oauth_broker, topic_prefix, tmp_path, {"token_file": str(file)})
    stream.input.write()
    with stream.workers() as workers:
        workers.start("all", "only")
        stream.settle(workers, wanted)
    assert stream.expect(wanted) == 0


def _stream(broker: RealBroker, prefix: str, folder: Path, oauth: Mapping[str, object]) -> Stream:
    security = {"protocol": "SASL_PLAINTEXT", "mechanism": "OAUTHBEARER", "oauth": oauth}
    given = Input(broker.bootstrap, prefix)
    return Stream(given, prefix, folder, kafka={"brokers": broker.oauth_bootstrap, "security": security})
