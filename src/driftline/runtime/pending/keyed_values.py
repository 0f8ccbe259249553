"""Entries of one database by key, changed in batches, with profiles numbered as the database numbers them."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import rocksdict

from driftline.sketching.joins.waiting.pending import as_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from driftline.profiles.profile import Profile
    from driftline.sketching.joins.profile_table import ProfileTable

_KEYS_AT_ONCE: Final = 100_000


class KeyedValues:
    """What the stores of one partition share: reads, and one batch of changes that :meth:`write` makes durable.

    The database is in raw mode. ``find`` returns a profile by its id, or None. ``profile_ids`` is what ``profile`` in
    the database's records is an index into; it grows with new profiles.
    """

    def __init__(
        self,
        db: rocksdict.Rdict,
        table: ProfileTable,
        find: Callable[[str], Profile | None],
        profile_ids: list[str],
    ) -> None:
        self._db: Any = db  # its keys and values are bytes in raw mode, which its types do not say
        self._table = table
        self._find = find
        self.profile_ids = profile_ids
        self._batch = rocksdict.WriteBatch(raw_mode=True)
        without_log: Any = rocksdict.WriteOptions()  # its types take a property for a method
        without_log.disable_wal = True  # the changelog is the log: what is lost is read there again
        self._without_log = without_log
        self._local: NDArray[np.int32] = np.zeros(0, dtype=np.int32)
        self._global: NDArray[np.int32] = np.zeros(0, dtype=np.int32)
        self._index()

    def write(self, key: bytes, value: bytes) -> None:
        """Write the batch, and one entry with it, at once; the next batch is empty."""
        self._batch.put(key, value)
        self._db.write(self._batch, self._without_log)
        self._batch = rocksdict.WriteBatch(raw_mode=True)

    def get(self, keys: list[bytes]) -> list[bytes | None]:
        """Return the values of keys, None where there is none."""
        values: list[bytes | None] = self._db.get(keys) if keys else []
        return values

    def keys(self, prefix: bytes) -> Iterator[list[bytes]]:
        """Yield all keys that begin with a byte, many at a time."""
        part: list[bytes] = []
        for key in self._db.keys(from_key=prefix):
            if key[:1] != prefix:
                break
            part.append(key)
            if len(part) == _KEYS_AT_ONCE:
                yield part
                part = []
        if part:
            yield part

    def entries(self, start: bytes, stop: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield committed entries with keys from ``start`` up to, without, ``stop``."""
        for key, value in self._db.items(from_key=start):
            if key >= stop:
                return
            yield key, value

    def put(self, keys: list[bytes], values: list[bytes]) -> None:
        """Add entries to the next batch."""
        deque(map(self._batch.put, keys, values), maxlen=0)

    def delete(self, key: bytes) -> None:
        """Add a removal to the next batch."""
        self._batch.delete(key)

    def delete_range(self, start: bytes, stop: bytes) -> None:
        """Add the removal of a range, without its end, to the next batch."""
        self._batch.delete_range(start, stop)

    # --- profiles -----------------------------------------------------------------------------------------------------

    def local(self, records: NDArray[np.void]) -> NDArray[np.void]:
        """Return records with profiles as the database numbers them."""
        if "profile" not in (records.dtype.names or ()) or not records.size:
            return records
        if records["profile"].max() >= self._local.size or (self._local[records["profile"]] < 0).any():
            for index in np.unique(records["profile"]).tolist():
                name = self._table.names[index]
                if name not in self.profile_ids:
                    self.profile_ids.append(name)
            self._index()
        renumbered = as_bytes(records).copy().view(records.dtype)
        renumbered["profile"] = self._local[records["profile"]]
        return renumbered

    def known(self, records: NDArray[np.void]) -> NDArray[np.void]:
        """Renumber the profiles of records in place as the table does; -1 for a profile that no longer exists."""
        if "profile" in (records.dtype.names or ()) and records.size:
            records["profile"] = self._global[records["profile"]]
        return records

    def _index(self) -> None:
        numbers = [self._table.named(name, self._find) for name in self.profile_ids]
        self._global = np.array(numbers, dtype=np.int32)
        self._local = np.full(len(self._table.profiles), -1, dtype=np.int32)
        for local, number in enumerate(numbers):
            if number >= 0:
                self._local[number] = local
