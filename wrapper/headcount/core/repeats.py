"""Which row owns a key: the memory of a run, at most 16 bytes a row."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from itertools import chain, combinations, cycle, islice, repeat
from struct import iter_unpack, pack, unpack
from sys import byteorder

_HASH, _ROW = 8, 4  # bytes
_CODE = _HASH - 1  # of a hash an entry keeps all but its last byte, which is the number of its part
_ENTRY = _CODE + _ROW
_PARTS, _SHARDS = 256, 64  # shards in each part
_LATELY = 1 << 16  # entries that the parts may hold together before they are dealt out to the shards
_PAGE = 43 * _ENTRY  # with its header just under the 512 bytes up to which Python packs objects tightly
_FIRST_FILTER, _SECOND_FILTER = 1 << 12, 1 << 21  # bytes; a small load needs no large one
_MASKS = bytes(islice(cycle(1 << a | 1 << b | 1 << c for a, b, c in combinations(range(8), 3)), 256))


class KeyTable:
    """Maps the 64-bit hash of a key to the row that came first with it.

    Random access to memory is what costs time, so the usual key, one never seen, makes it once. Three layers:

    - The filter answers "never seen" or "perhaps". A key sets three bits (one of 56 triples, by its hash's
      first byte) in one byte of the filter (by its hash's upper half). When the filter has taken three keys for
      every four bytes it is made anew, larger; until then at most one new key in twenty looks familiar.
    - Parts, by the hash's last byte, take new entries at their end: the rest of the hash, and the row. They are
      so few that their ends stay in the processor's cache.
    - Shards, by six bits of the byte before, hold the older entries of their part, which are dealt out to them
      part by part, thousands at a time. A shard is a list of full pages and an open one. Pages are of one size
      and never move, so growing neither stands in memory twice nor leaves holes. There are none before the first
      entries are dealt out.

    Only "perhaps" searches, as bytes, the one part and the one shard that could hold the hash: some
    microseconds. Among ten million rows two different keys share a hash once in some four hundred thousand runs.
    """

    def __init__(self) -> None:
        self._filter = bytearray(_FIRST_FILTER)
        self._shift = 33 - _FIRST_FILTER.bit_length()  # from the hash's upper half to a place in the filter
        self._room = _FIRST_FILTER * 3 // 4  # keys that may still come before the filter is made anew
        self._parts = [bytearray() for _ in range(_PARTS)]
        self._lately = 0
        self._open: list[bytearray] = []
        self._full: list[list[bytes]] = []

    def claim_all(self, keys: Sequence[str | None], first_row: int) -> dict[int, int]:
        """Give each key to its row, counted from `first_row`, unless an earlier claim gave it away.

        Answers the owner of each key that had one, by the key's position in `keys`; the owner may be a row of
        the same call. None is no key. Cheapest a key with a thousand keys or so a call. Raises OverflowError, and
        claims nothing, for a row that does not fit four bytes.
        """
        numbers = array("I", list(range(first_row, first_row + len(keys))))
        if None in keys:
            numbers = array("I", [row for row, key in zip(numbers, keys, strict=True) if key is not None])
        owners = self._claim([key for key in keys if key is not None], numbers)
        return {row - first_row: owner for row, owner in owners.items()}

    def claim_groups(self, groups: Sequence[Sequence[str]], first_row: int) -> bool:
        """Give all keys of each group to its row, counted from `first_row`, unless one of them has another owner.

        Then nothing is claimed, and the answer is False. Raises OverflowError as `claim_all` does.
        """
        rows = range(first_row, first_row + len(groups))
        numbers = array("I", list(chain.from_iterable(map(repeat, rows, map(len, groups)))))
        self._make_room(len(numbers))
        sizes, room, lately = list(map(len, self._parts)), self._room, self._lately
        owners = self._claim(list(chain.from_iterable(groups)), numbers)
        if all(row == owner for row, owner in owners.items()):
            return True
        # The filter keeps what the claims put in: that makes it slower by a hair and no less right.
        for part, size in zip(self._parts, sizes, strict=True):
            del part[size:]
        self._room, self._lately = room, lately
        return False

    def _claim(self, keys: Sequence[str], numbers: array[int]) -> dict[int, int]:
        """Give each key to the row at its place, unless it has an owner; answers the owners, by that row."""
        self._make_room(len(keys))
        hashes, rows = pack(f"{len(keys)}q", *map(hash, keys)), numbers.tobytes()
        table = bytearray(_ENTRY * len(keys))
        for byte in range(_CODE):
            table[byte::_ENTRY] = hashes[byte::_HASH]
        for byte in range(_ROW):
            table[_CODE + byte :: _ENTRY] = rows[byte::_ROW]

        owners: dict[int, int] = {}
        owned = 0
        seen, shift, parts = self._filter, self._shift, self._parts
        upper, masks = array("I", hashes)[1::2], hashes[::_HASH].translate(_MASKS)
        entries = unpack(f"{_ENTRY}s" * len(keys), table)
        for half, mask, part, entry in zip(upper, masks, hashes[_CODE::_HASH], entries, strict=True):
            place = half >> shift
            bits = seen[place]
            if bits & mask != mask:
                seen[place] = bits | mask
            elif (owner := self._search(part, entry[:_CODE])) is not None:
                owned += 1
                row = int.from_bytes(entry[_CODE:], byteorder)
                if owner != row or row not in owners:
                    owners[row] = owner
                continue
            parts[part] += entry
        self._room -= len(keys) - owned
        self._lately += len(keys) - owned
        return owners

    def owner(self, key: str) -> int | None:
        """The row that owns `key`, or None."""
        code = pack("q", hash(key))
        place, mask = int.from_bytes(code[4:], byteorder) >> self._shift, _MASKS[code[0]]
        return self._search(code[_CODE], code[:_CODE]) if self._filter[place] & mask == mask else None

    def _search(self, part: int, code: bytes) -> int | None:
        for entries in (self._parts[part], self._shard(part * _SHARDS + code[-1] * _SHARDS // 256)):
            at = entries.find(code)
            while at >= 0 and at % _ENTRY:  # not an entry's start, but bytes of two that look like it
                at = entries.find(code, at + 1)
            if at >= 0:
                return int.from_bytes(entries[at + _CODE : at + _ENTRY], byteorder)
        return None

    def _shard(self, number: int) -> bytes:
        """The entries of a shard, end to end."""
        return b"".join((self._open[number], *self._full[number])) if self._open else b""

    def _make_room(self, keys: int) -> None:
        while self._room < keys:  # so that few look familiar by chance
            self._enlarge_filter()
        if self._lately >= _LATELY:
            self._deal_out()

    def _deal_out(self) -> None:
        """Move the entries of every part to its shards."""
        self._lately = 0
        if not self._open:
            self._open = [bytearray() for _ in range(_PARTS * _SHARDS)]
            self._full = [[] for _ in range(_PARTS * _SHARDS)]
        for number, part in enumerate(self._parts):
            mine = slice(number * _SHARDS, (number + 1) * _SHARDS)
            shards = self._open[mine]
            entries = iter_unpack(f"{_ENTRY}s", part)
            for byte, (entry,) in zip(part[_CODE - 1 :: _ENTRY], entries, strict=True):
                shards[byte * _SHARDS // 256] += entry
            part.clear()
            for shard, full in zip(shards, self._full[mine], strict=True):
                while len(shard) >= _PAGE:
                    full.append(bytes(shard[:_PAGE]))
                    del shard[:_PAGE]

    def _enlarge_filter(self) -> None:
        """Make the filter anew, larger; in the order of the shards it is written end to end."""
        size = max(2 * len(self._filter), _SECOND_FILTER)
        self._room += (size - len(self._filter)) * 3 // 4
        self._shift = shift = 33 - size.bit_length()
        self._filter = bytearray()  # the old one goes before the new one comes
        self._filter = seen = bytearray(size)
        for part, entries in self._stored():
            halves = bytearray([part]) * (len(entries) // _ENTRY * 4)
            for byte in range(3):
                halves[byte::4] = entries[4 + byte :: _ENTRY]
            for half, mask in zip(array("I", halves), entries[::_ENTRY].translate(_MASKS), strict=True):
                seen[half >> shift] |= mask

    def _stored(self) -> Iterator[tuple[int, bytes | bytearray]]:
        """All entries, in pieces, each with the number of its part."""
        shards = ((number // _SHARDS, self._shard(number)) for number in range(len(self._open)))
        return chain(shards, enumerate(self._parts))
