"""Which settings of the Kafka clients the configuration must not change, why, and where they are set instead."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from driftline.config.places import child

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from driftline.config.kafka_settings import ClientValue
    from driftline.config.problem import Problem

CLIENT: Final = "$.kafka.client"
AIOKAFKA: Final = "$.kafka.aiokafka"

_COMMITS: Final = "driftline commits offsets together with its results; a client that commits by itself loses events"
_NO_LOSS: Final = "driftline's results may neither get lost nor be written twice"
_ASSIGNMENT: Final = "predictions and labels of one partition have to reach the same worker"
_COMMITTED: Final = "driftline reads committed records only, so that nothing is counted that was aborted"
_START: Final = "driftline starts at the oldest record, and stops rather than skip records where its offset is lost"
_MEMBER: Final = "all workers share this configuration, and two members with one id exclude each other"
_PROGRAM: Final = "it takes an object of a program, which a file cannot contain"
_BYTES: Final = "driftline sets the size of what it writes; for large input records set `fetch.max.bytes`"
_TRANSACTION: Final = "for this long, the open transaction of a killed worker holds back every reader"
_KEYS: Final = "other people's clients look for a key where Java's partitioner puts it"
_JAVA: Final = "only Kafka's Java clients know it; `kafka.security` has the settings of this kind"
_SESSION: Final = "`kafka.session_timeout` (sketch stage) and `detect.session_timeout`"
_SECURITY: Final = "kafka.security"
_OAUTH: Final = f"`{_SECURITY}.oauth`"
_CERTIFICATE: Final = f"`{_SECURITY}.certificate_file` and `{_SECURITY}.key_file`"

SECRETS: Final = frozenset(
    {
        "sasl.jaas.config",
        "sasl.oauthbearer.assertion.private.key.passphrase",
        "sasl.oauthbearer.assertion.private.key.pem",
        "sasl.oauthbearer.client.credentials.client.secret",
        "sasl.oauthbearer.client.secret",
        "sasl.password",
        "sasl_plain_password",
        "ssl.key.password",
        "ssl.key.pem",
        "ssl.keystore.password",
        "ssl.truststore.password",
        "ssl_key",
    }
)
"""Settings whose value is a secret: never to stand in a file, nor to be shown."""

_CLIENT_ELSEWHERE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "bootstrap.servers": "`kafka.brokers`",
        "metadata.broker.list": "`kafka.brokers`",
        "group.id": "`kafka.prefix`",
        "transactional.id": "`kafka.prefix` and the worker's `--name`",
        "session.timeout.ms": _SESSION,
        "heartbeat.interval.ms": _SESSION,
        "security.protocol": f"`{_SECURITY}.protocol`",
        "sasl.mechanism": f"`{_SECURITY}.mechanism`",
        "sasl.mechanisms": f"`{_SECURITY}.mechanism`",
        "sasl.username": f"`{_SECURITY}.username_env` or `username_file`",
        "sasl.password": f"`{_SECURITY}.password_env` or `password_file`",
        "ssl.ca.location": f"`{_SECURITY}.ca_file`",
        "ssl.ca.pem": f"`{_SECURITY}.ca_file`",
        "ssl.certificate.location": f"`{_SECURITY}.certificate_file`",
        "ssl.certificate.pem": f"`{_SECURITY}.certificate_file`",
        "ssl.key.location": f"`{_SECURITY}.key_file`",
        "ssl.key.pem": f"`{_SECURITY}.key_file`",
        "ssl.key.password": f"`{_SECURITY}.key_password_env` or `key_password_file`",
        "ssl.keystore.location": _CERTIFICATE,
        "ssl.keystore.password": _CERTIFICATE,
        "enable.sasl.oauthbearer.unsecure.jwt": _OAUTH,
        "https.ca.location": f"`{_SECURITY}.oauth.ca_file`",
        "https.ca.pem": f"`{_SECURITY}.oauth.ca_file`",
        "ssl_ca": f"`{_SECURITY}.ca_file`",
        "ssl_certificate": f"`{_SECURITY}.certificate_file`",
        "ssl_key": f"`{_SECURITY}.key_file`",
    }
)

_CLIENT_REASONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "isolation.level": _COMMITTED,
        "enable.auto.commit": _COMMITS,
        "auto.commit.enable": _COMMITS,
        "auto.commit.interval.ms": _COMMITS,
        "enable.auto.offset.store": _COMMITS,
        "offset.store.method": _COMMITS,
        "offset.store.path": _COMMITS,
        "offset.store.sync.interval.ms": _COMMITS,
        "acks": _NO_LOSS,
        "request.required.acks": _NO_LOSS,
        "enable.idempotence": _NO_LOSS,
        "delivery.report.only.error": _NO_LOSS,
        "auto.offset.reset": _START,
        "partition.assignment.strategy": _ASSIGNMENT,
        "group.protocol": _ASSIGNMENT,
        "group.protocol.type": _ASSIGNMENT,
        "group.remote.assignor": _ASSIGNMENT,
        "group.instance.id": _MEMBER,
        "enable.partition.eof": "driftline has to know when it has read a partition to its end",
        "partitioner": _KEYS,
        "transaction.timeout.ms": _TRANSACTION,
        "message.max.bytes": _BYTES,
        "topic.blacklist": "a topic that a client ignores is missing without a message",
        "share.acknowledgement.mode": "driftline's consumers are no members of a share group",
        "opaque": _PROGRAM,
        "interceptors": _PROGRAM,
        "enabled_events": _PROGRAM,
        "logger": _PROGRAM,
        "on_commit": _PROGRAM,
        "on_delivery": _PROGRAM,
        "default.topic.config": "properties of topics stand in `kafka.client` like all others",
        "default_topic_conf": "properties of topics stand in `kafka.client` like all others",
        "sasl.jaas.config": _JAVA,
        "key.deserializer": _JAVA,
        "key.serializer": _JAVA,
        "value.deserializer": _JAVA,
        "value.serializer": _JAVA,
    }
)

_CLIENT_PREFIXES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "ssl.truststore.": f"only Kafka's Java clients know it; set `{_SECURITY}.ca_file`, a file of PEM certificates",
        "test.": "it is for tests of the library, and replaces the brokers",
    }
)

_AIOKAFKA_ELSEWHERE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "bootstrap_servers": "`kafka.brokers`",
        "group_id": "`kafka.prefix`",
        "session_timeout_ms": "`detect.session_timeout`",
        "heartbeat_interval_ms": "`detect.session_timeout`",
        "security_protocol": f"`{_SECURITY}.protocol`",
        "ssl_context": f"`{_SECURITY}`",
    }
)

_AIOKAFKA_REASONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "isolation_level": _COMMITTED,
        "enable_auto_commit": _COMMITS,
        "auto_commit_interval_ms": _COMMITS,
        "auto_offset_reset": _START,
        "partition_assignment_strategy": "the partitions of the panes topic and of the state go to the same worker",
        "group_instance_id": _MEMBER,
        "rebalance_timeout_ms": "a worker needs this time to write its last checkpoint",
        "exclude_internal_topics": "driftline names the topics that it reads",
        "acks": _NO_LOSS,
        "enable_idempotence": _NO_LOSS,
        "transactional_id": "the detect stage writes without transactions; its checkpoints are idempotent",
        "transaction_timeout_ms": "the detect stage writes without transactions; its checkpoints are idempotent",
        "partitioner": _KEYS,
        "api_version": "aiokafka finds it out by itself",
        "loop": _PROGRAM,
        "key_deserializer": _PROGRAM,
        "value_deserializer": _PROGRAM,
        "key_serializer": _PROGRAM,
        "value_serializer": _PROGRAM,
    }
)


def client_refusals(client: Mapping[str, ClientValue]) -> Iterator[Problem]:
    """Yield a problem for each property of librdkafka that ``kafka.client`` must not set.

    Examples
    --------
    >>> for message, path, depends in client_refusals({"sasl.password": "hunter2", "client.rack": "eu-1a"}):
    ...     print(message)
    `sasl.password` is set by `kafka.security.password_env` or `password_file`, and no secret stands in the \
configuration itself: remove it here - at `$.kafka.client["sasl.password"]`
    """
    for name in client:
        elsewhere, reason = _CLIENT_ELSEWHERE.get(name), _CLIENT_REASONS.get(name)
        if name.startswith("sasl.oauthbearer."):
            elsewhere = _OAUTH
        elif name.endswith("_cb"):
            reason = _PROGRAM
        reason = next((text for prefix, text in _CLIENT_PREFIXES.items() if name.startswith(prefix)), reason)
        yield from _refusal(name, child(CLIENT, name), elsewhere, reason)


def aiokafka_refusals(arguments: Mapping[str, ClientValue]) -> Iterator[Problem]:
    """Yield a problem for each argument of aiokafka's clients that ``kafka.aiokafka`` must not set."""
    for name in arguments:
        elsewhere = f"`{_SECURITY}`" if name.startswith("sasl_") else _AIOKAFKA_ELSEWHERE.get(name)
        yield from _refusal(name, child(AIOKAFKA, name), elsewhere, _AIOKAFKA_REASONS.get(name))


def _refusal(name: str, path: str, elsewhere: str | None, reason: str | None) -> Iterator[Problem]:
    secret = ", and no secret stands in the configuration itself" if name in SECRETS else ""
    if elsewhere is not None:
        yield f"`{name}` is set by {elsewhere}{secret}: remove it here - at `{path}`", path, (path,)
    elif reason is not None:
        yield f"`{name}` cannot be set here: {reason}{secret}. Remove it - at `{path}`", path, (path,)
