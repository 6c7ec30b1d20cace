"""Which row owns a key: the memory of a run, at most 16 bytes a row."""

from __future__ import annotations

_HASH = 7
_ROW = 4
_ENTRY = _HASH + _ROW
_FIRST_SHARDS = 256
_MEAN_ENTRIES = 28
_ALL_BITS = (1 << 64) - 1


class KeyTable:
    """Maps the 64-bit hash of a key to the row that came first with it, by linear hashing.

    An entry is seven bytes of hash and four of row. Entries are packed without gaps into shards that are
    searched as bytes, and the shard's number stands for the eighth byte. The table grows by splitting one
    shard at a time, so it never stands in memory twice. Among ten million rows two different keys share a
    hash once in some four hundred thousand runs.
    """

    def __init__(self) -> None:
        self._shards = [bytearray() for _ in range(_FIRST_SHARDS)]
        self._level = _FIRST_SHARDS  # how many shards there were when this round of splits began
        self._split = 0  # the shard that splits next in this round
        self._room = _FIRST_SHARDS * _MEAN_ENTRIES  # keys that may still come before it does

    def claim(self, key: str, row: int) -> int | None:
        """Give `key` to `row` unless it has an owner; answers the earlier owner, or None."""
        shard, needle = self._place(key)
        owner = _find(shard, needle)
        if owner is None:
            shard += needle + row.to_bytes(_ROW, "little")
            self._room -= 1
            if not self._room:
                self._grow()
        return owner

    def owner(self, key: str) -> int | None:
        """The row that owns `key`, or None."""
        return _find(*self._place(key))

    def _place(self, key: str) -> tuple[bytearray, bytes]:
        code = hash(key) & _ALL_BITS
        number = code & (self._level - 1)
        if number < self._split:
            number = code & (2 * self._level - 1)
        return self._shards[number], (code >> 8).to_bytes(_HASH, "little")

    def _grow(self) -> None:
        """Split one shard in two, by the next bit of its entries' hashes."""
        self._room = _MEAN_ENTRIES
        byte, bit = divmod(self._level.bit_length() - 1 - 8, 8)
        bit = 1 << bit
        shard = bytes(self._shards[self._split])
        entries = [shard[at : at + _ENTRY] for at in range(0, len(shard), _ENTRY)]
        self._shards[self._split] = bytearray(b"".join([entry for entry in entries if not entry[byte] & bit]))
        self._shards.append(bytearray(b"".join([entry for entry in entries if entry[byte] & bit])))
        self._split += 1
        if self._split == self._level:
            self._level *= 2
            self._split = 0


def _find(shard: bytearray, needle: bytes) -> int | None:
    at = shard.find(needle)
    while at >= 0 and at % _ENTRY:
        at = shard.find(needle, at + 1)
    return None if at < 0 else int.from_bytes(shard[at + _HASH : at + _ENTRY], "little")
