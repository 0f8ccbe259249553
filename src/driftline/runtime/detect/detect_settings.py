"""What a detect worker has to know about Kafka, its topics and its intervals."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from driftline.errors import ParameterError


class DetectSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of one detect worker; all intervals in seconds.

    Parameters
    ----------
    bootstrap : str
        `host:port`, several separated by commas.
    group_id : str
        Consumer group; the same in all workers that share the panes topic.
    panes_partitions : int
        Partitions of the panes topic, and so of the state topic.
    prefix : str
        Of all topics: `<prefix>.panes`, `<prefix>.detect-state`, `<prefix>.events`, ...
    security : mapping of str to str
        librdkafka's names, see :func:`driftline.runtime.detect.faust_credentials.faust_credentials`.
    data_dir : str
        Where Faust makes its folders; it keeps nothing of ours there.
    checkpoint_interval_s, checkpoint_records
        A partition is checkpointed at its first record after the interval, or after so many records.
    commit_interval_s : float
        How often new positions are committed.
    session_timeout_s, heartbeat_interval_s, rebalance_timeout_s
        Of the consumer group. The broker's `group.min.session.timeout.ms` is 6 s unless changed.
    profile_wait_s : float
        How long a record waits for a profile that has not arrived; longer than the session timeout is safe.
    request_timeout_s : float
        After this, a record that the broker does not take ends the worker.
    manage_state_topic : bool
        Create the state topic where it is absent. The embedded broker cannot: there it exists beforehand.
    check_crcs : bool
        Check the records' checksums; those of transactional batches do not hold on the embedded broker.
    replication_factor : int
        Of the state topic when it is created; -1 is the broker's default.
    """

    bootstrap: str
    group_id: str
    panes_partitions: int
    prefix: str = "driftline"
    security: Mapping[str, str] = {}
    data_dir: str = "driftline-detect"
    checkpoint_interval_s: float = 2.0
    checkpoint_records: int = 20_000
    commit_interval_s: float = 1.0
    session_timeout_s: float = 6.0
    heartbeat_interval_s: float = 1.0
    rebalance_timeout_s: float = 60.0
    profile_wait_s: float = 30.0
    request_timeout_s: float = 60.0
    manage_state_topic: bool = True
    check_crcs: bool = True
    replication_factor: int = -1

    def __post_init__(self) -> None:
        for name in (
            "panes_partitions",
            "checkpoint_interval_s",
            "checkpoint_records",
            "commit_interval_s",
            "heartbeat_interval_s",
            "profile_wait_s",
        ):
            if getattr(self, name) <= 0:
                raise ParameterError("a number above 0", getattr(self, name), f"detect.{name}")
        if self.heartbeat_interval_s * 3 > self.session_timeout_s:
            expected = f"at least three heartbeats of {self.heartbeat_interval_s} s"
            raise ParameterError(expected, self.session_timeout_s, "detect.session_timeout_s")
        if self.session_timeout_s > self.request_timeout_s:
            expected = f"at least the session timeout of {self.session_timeout_s} s"
            raise ParameterError(expected, self.request_timeout_s, "detect.request_timeout_s")

    @property
    def panes_topic(self) -> str:
        """The topic that detection reads."""
        return f"{self.prefix}.panes"

    @property
    def state_topic(self) -> str:
        """The changelog of detection's state."""
        return f"{self.prefix}.detect-state"

    @property
    def channels(self) -> dict[str, str]:
        """Output topic of each channel."""
        return {channel: f"{self.prefix}.{channel}" for channel in ("events", "alerts", "references")}
