"""A Kafka broker inside this process, for the demo and for quick tests on a machine with nothing but Python.

It is librdkafka's mock cluster, reached with :mod:`ctypes` in the very library that confluent-kafka's wheel bundles: no
Java, no download, no container. It listens on loopback, so any Kafka client can use it, also one in another process.

What it is not
--------------
- A store: it holds 5 MiB or 100,000 messages a partition and drops older ones silently.
- Transactional: it accepts transactions and gives them no meaning. Aborted data is visible, and offsets sent to a
  transaction are not stored. **Never test exactly-once delivery on it.**
- A place for lag or rescaling: two aiokafka members in one consumer group fail.
- An administrator: ``CreateTopics`` over the wire times out. Topics are created with :class:`EmbeddedBroker`, or by the
  first producer or consumer that names one, with four partitions. Faust needs ``topic_allow_declare=False``.
"""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Final, Self

from confluent_kafka import cimpl

from driftline.errors import DriftlineError, describe

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

_RD_KAFKA_PRODUCER: Final = 0  # enum rd_kafka_type_t
_LOG_WARNINGS: Final = b"4"  # of syslog's levels: notices are left out
_ERROR_TEXT_BYTES: Final = 512
_REBALANCE_DELAY_MS: Final = 100
"""For so long a new group waits for further members, not three seconds: here there is one, or all start at once."""

_SIGNATURES: Final[Mapping[str, tuple[type | None, list[type]]]] = {
    "rd_kafka_conf_new": (ctypes.c_void_p, []),
    "rd_kafka_conf_set": (
        ctypes.c_int,
        [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_size_t],
    ),
    "rd_kafka_new": (ctypes.c_void_p, [ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t]),
    "rd_kafka_destroy": (None, [ctypes.c_void_p]),
    "rd_kafka_err2str": (ctypes.c_char_p, [ctypes.c_int]),
    "rd_kafka_mock_cluster_new": (ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_int]),
    "rd_kafka_mock_cluster_destroy": (None, [ctypes.c_void_p]),
    "rd_kafka_mock_cluster_bootstraps": (ctypes.c_char_p, [ctypes.c_void_p]),
    "rd_kafka_mock_group_initial_rebalance_delay_ms": (None, [ctypes.c_void_p, ctypes.c_int32]),
    "rd_kafka_mock_topic_create": (ctypes.c_int, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_int]),
}


class EmbeddedBrokerError(DriftlineError):
    """The embedded broker is not available, or rejected a topic; the message says what to do instead."""


class EmbeddedBroker:
    """A Kafka broker that lives as long as the ``with`` block; nothing of it is left behind.

    Parameters
    ----------
    topics : mapping of str to int, optional
        Topics to create at the start, each with its number of partitions (1 or more).

    Attributes
    ----------
    bootstrap : str
        ``host:port``: what a client takes as ``bootstrap.servers``.

    Raises
    ------
    EmbeddedBrokerError
        confluent-kafka's native library has no mock cluster, the cluster did not start, or a topic was refused.

    Notes
    -----
    *State*: at most 5 MiB or 100,000 messages a partition, in memory; older ones are dropped silently.
    See the module's documentation for what must not be tested on it.

    Examples
    --------
    >>> with EmbeddedBroker({"predictions": 3}) as broker:
    ...     broker.bootstrap.startswith("127.0.0.1:")
    True
    """

    def __init__(self, topics: Mapping[str, int] | None = None) -> None:
        self._topics = dict(topics or {})
        self._library: ctypes.CDLL | None = None
        self._client: int | None = None
        self._cluster: int | None = None
        self.bootstrap = ""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start the cluster and create the topics; a broker that runs already is left as it is."""
        if self._cluster is not None:
            return
        library = self._library = _load_library()
        text = ctypes.create_string_buffer(_ERROR_TEXT_BYTES)
        # A mock cluster hangs on a client of its own. This one never connects to anything, and would say so on stderr.
        settings = library.rd_kafka_conf_new()
        library.rd_kafka_conf_set(settings, b"log_level", _LOG_WARNINGS, text, len(text))
        self._client = library.rd_kafka_new(_RD_KAFKA_PRODUCER, settings, text, len(text))
        if not self._client:
            raise EmbeddedBrokerError(f"Expected librdkafka to make a client, got {text.value.decode()!r}")
        self._cluster = library.rd_kafka_mock_cluster_new(self._client, 1)
        if not self._cluster:
            self.stop()
            raise EmbeddedBrokerError("Expected librdkafka to start a mock cluster on loopback, got none")
        library.rd_kafka_mock_group_initial_rebalance_delay_ms(self._cluster, _REBALANCE_DELAY_MS)
        self.bootstrap = library.rd_kafka_mock_cluster_bootstraps(self._cluster).decode()
        try:
            for name, n_partitions in self._topics.items():
                self.create_topic(name, n_partitions)
        except EmbeddedBrokerError:
            self.stop()
            raise

    def create_topic(self, name: str, partitions: int) -> None:
        """Create a topic with one replica and at least one partition.

        Raises
        ------
        EmbeddedBrokerError
            The broker is not running, the name is taken, or a value is out of range.
        """
        if self._library is None or self._cluster is None:
            raise EmbeddedBrokerError(describe("a running embedded broker", "a stopped one", f"create_topic({name})"))
        if not name:
            raise EmbeddedBrokerError(describe("the name of a topic", name, "create_topic"))
        if partitions < 1:
            raise EmbeddedBrokerError(describe("at least 1 partition", partitions, f"create_topic({name})"))
        code = self._library.rd_kafka_mock_topic_create(self._cluster, name.encode(), partitions, 1)
        if code:
            reason = self._library.rd_kafka_err2str(code).decode()
            raise EmbeddedBrokerError(describe("a topic that can be created", reason, f"create_topic({name})"))

    def stop(self) -> None:
        """Destroy the cluster and all that it holds; stopping twice is harmless."""
        if self._library is None:
            return
        if self._cluster:
            self._library.rd_kafka_mock_cluster_destroy(self._cluster)
        if self._client:
            self._library.rd_kafka_destroy(self._client)
        self._library = self._client = self._cluster = None
        self.bootstrap = ""


def _load_library() -> ctypes.CDLL:
    """Return the librdkafka that confluent-kafka itself runs on, with the signatures of the mock cluster's functions.

    The lookup goes through the extension module and the libraries it is linked with, so it finds the bundled file of a
    Linux (``confluent_kafka.libs``) or macOS (``.dylibs``) wheel, a system library, or one linked statically.
    """
    path = str(cimpl.__file__)
    library = ctypes.CDLL(path)
    for name, (result, arguments) in _SIGNATURES.items():
        try:
            function = getattr(library, name)
        except AttributeError as error:
            raise EmbeddedBrokerError(
                f"Expected a librdkafka with a mock cluster, got one without `{name}` - at `{path}`. "
                "Install confluent-kafka from its binary wheel, or use a real broker (scripts/kafka up)"
            ) from error
        function.restype = result
        function.argtypes = arguments
    return library
