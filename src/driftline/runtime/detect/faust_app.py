"""The Faust application of the detect stage, which ignores environment variables, and the agent's callbacks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, cast

from faust import App
from mode.utils.queues import FlowControlEvent

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Sequence

    from faust.types.transports import TransportT
    from yarl import URL

    from driftline.runtime.detect.aiokafka_options import ClientOptions
    from driftline.runtime.detect.heartbeat_guard import HeartbeatGuard


class PanesReader(Protocol):
    """The agent's methods that the consumer and the recovery call."""

    async def before_revocation(self) -> None:
        """Finish the record in hand, keep what may be kept and forget all partitions."""

    def recovered(self, generation_id: int) -> None:
        """The table holds all of its changelog for the partitions of this group generation."""


class LosslessFlow(FlowControlEvent):
    """Flow control that keeps what waits in queues when it resumes.

    Faust resumes twice after a rebalance: before it reads the table's changelog, and once the streams' positions are
    sought. From the first time on records are fetched. Those that were fetched from the sought positions, and that the
    agent had not taken yet, would be thrown away by the second and never read again. What an earlier assignment left in
    the queues is gone all the same: a revocation clears them.
    """

    def resume(self) -> None:
        """Let records into the queues again."""
        self._suspend.clear()
        self._resume.set()


class DetectApp(App):
    """A Faust application with a given transport, which ignores environment variables.

    Faust lets variables such as `PRODUCER_ACKS` or `STREAM_BUFFER_MAXSIZE` override what the program says; an empty
    environment is passed instead. ``name`` is the consumer group, and ``settings`` are Faust's own. The guard is asked
    before each write, and the consumer tells ``panes_reader`` about revocation and recovery. ``client_options`` are
    further arguments of aiokafka's consumer and producer, stronger than Faust's.
    """

    def __init__(
        self,
        name: str,
        *,
        guard: HeartbeatGuard,
        panes_reader: PanesReader,
        client_options: ClientOptions,
        transport: Callable[[list[URL], App], TransportT],
        **settings: Any,  # noqa: ANN401 - Faust and aiokafka leave it untyped
    ) -> None:
        self.guard = guard
        self.panes_reader = panes_reader
        self.client_options = client_options
        self._make_transport = transport
        super().__init__(name, env={}, **settings)
        self.flow_control = LosslessFlow(loop=self.loop)

    def _new_transport(self) -> TransportT:
        return self._make_transport(self.conf.broker_consumer, self)

    def _new_producer_transport(self) -> TransportT:
        return self._make_transport(self.conf.broker_producer, self)

    async def send_raw(
        self,
        topic: str,
        key: bytes,
        value: bytes | None,
        partition: int | None = None,
        headers: Sequence[tuple[str, bytes]] = (),
    ) -> asyncio.Future[Any]:
        """Hand a record to the producer as it is; the future resolves when the broker has acknowledged it."""
        sent = await self.producer.send(topic, key, value, partition, None, list(headers))
        return cast("asyncio.Future[Any]", sent)
