"""How to reach the Kafka brokers: addresses, authentication, names of topics and groups."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from driftline.config.durations import Duration

ClientValue = str | bool | int | float
"""The value of a property that a Kafka client is given as it is."""


class OAuthSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Tokens for the mechanism OAUTHBEARER: requested from an endpoint (client credentials grant), or read from a file
    that another program renews.
    """

    token_endpoint: str | None = None
    """URL that grants access tokens, as in `https://login.example.com/oauth2/token`."""
    client_id_env: str | None = None
    """Environment variable that holds the client id."""
    client_id_file: str | None = None
    """File that holds the client id."""
    client_secret_env: str | None = None
    """Environment variable that holds the client secret."""
    client_secret_file: str | None = None
    """File that holds the client secret; it is read at the start."""
    scope: str | None = None
    """Scope to ask for, if the endpoint wants one."""
    ca_file: str | None = None
    """CA certificates (PEM) that verify the endpoint; the system's own by default."""
    token_file: str | None = None
    """File that holds the token, instead of an endpoint; it is read again before the token expires."""
    extensions: dict[str, str] = field(default_factory=dict)
    """SASL extensions that the broker wants beside the token, such as `logicalCluster`."""


class SecuritySettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Authentication to Kafka. Secrets are never written here; settings name the variable or file that holds them."""

    protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"] = "PLAIN"
    """Mechanism of a SASL protocol; `OAUTHBEARER` takes its tokens from `oauth`."""
    username_env: str | None = None
    """Environment variable that holds the user name."""
    username_file: str | None = None
    """File that holds the user name."""
    password_env: str | None = None
    """Environment variable that holds the password."""
    password_file: str | None = None
    """File that holds the password."""
    ca_file: str | None = None
    """CA certificates (PEM) that verify the brokers; the system's own by default."""
    certificate_file: str | None = None
    """Client certificate (PEM), if brokers require one."""
    key_file: str | None = None
    """Private key (PEM) of the client certificate."""
    key_password_env: str | None = None
    """Environment variable that holds the key's password."""
    key_password_file: str | None = None
    """File that holds the private key's password."""
    oauth: OAuthSettings | None = None


class KafkaSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The Kafka brokers, and the names of driftline's groups and topics."""

    brokers: str = "localhost:9092"
    """Comma-separated ``host:port`` list."""
    prefix: Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]{1,100}$")] = "driftline"
    """Prefix of all of driftline's topics, groups and transactional ids."""
    panes_partitions: Annotated[int, Meta(ge=1, le=1024)] = 4
    """Partitions of the panes topic: the maximum number of detect workers."""
    replication: Annotated[int, Meta(ge=1)] = 1
    """Replication factor of the topics that ``driftline topics create`` creates."""
    session_timeout: Duration = Duration(10_000)
    """Time without a heartbeat after which other sketch workers take over a worker's partitions."""
    client: dict[str, ClientValue] = field(default_factory=dict)
    """Further properties of librdkafka for every client, such as `client.rack: eu-1a`
    ([clients](operation.md#settings-of-the-kafka-clients))."""
    aiokafka: dict[str, ClientValue] = field(default_factory=dict)
    """Further arguments of aiokafka's consumer and producer, the detect stage's clients, such as
    `fetch_max_bytes: 10000000`."""
    security: SecuritySettings = SecuritySettings()

    def topic(self, name: str) -> str:
        """Return the full name of one of our topics: ``panes`` becomes ``driftline.panes``."""
        return f"{self.prefix}.{name}"
