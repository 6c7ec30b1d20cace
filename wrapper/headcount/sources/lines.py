"""A stream of bytes as blocks of whole physical lines, with a bounded look-ahead."""

from __future__ import annotations

import codecs
from collections.abc import Callable

BLOCK_SIZE = 256 * 1024
"""How many bytes of lines are handed out at a time."""

RECORD_LIMIT = 16_000_000
"""The most bytes that are held to find the end of one record."""

HEAD_SIZE = 4096
"""How much is kept of a line over the limit, for people to see."""


class Lines:
    """Reads whole lines, and consumes them only when told to.

    A line ends with a line feed, which the last line is given if it has none. A byte order mark at the
    beginning is passed over. Of a line over the limit only the head is kept: it comes as a block of its
    own, with `overlong` set.
    """

    def __init__(
        self,
        read: Callable[[int], bytes],
        *,
        block_size: int = BLOCK_SIZE,
        record_limit: int = RECORD_LIMIT,
    ) -> None:
        """`read(n)` gives at most n bytes, and none at the end."""
        self.number = 1
        """The number of the next line."""
        self.overlong = False
        """The next line was over the limit, and the block holds the head of it."""
        self._read = read
        self.block_size = block_size
        self._record_limit = record_limit
        self._buffer = b""
        self._start = 0
        self._ended = False
        self._fill(max(block_size, len(codecs.BOM_UTF8)))
        self._buffer = self._buffer.removeprefix(codecs.BOM_UTF8)

    def peek(self, size: int = 0) -> bytes:
        """The next lines, as many as fit into `size` bytes, but at least one; b"" at the end."""
        size = size or self.block_size
        if self.overlong:
            return self._buffer[self._start : self._buffer.index(b"\n", self._start) + 1]
        while self._fill(size):
            end = self._buffer.rfind(b"\n", self._start, self._start + size) + 1
            if end:
                return self._buffer[self._start : end]
            if size > self._record_limit:
                self._behead()
                return self.peek()
            size *= 2
        return b""

    def longer(self, block: bytes) -> bytes | None:
        """At least one line more than `block`, which `peek` gave; None at the end or over the limit."""
        size = len(block)
        while size < self._record_limit and not (self._ended and size >= len(self._buffer) - self._start):
            size = min(2 * size, self._record_limit)
            more = self.peek(size)
            if len(more) > len(block):
                return more
        return None

    def take(self, size: int) -> None:
        """Consume `size` bytes, which must be whole lines."""
        self._fill(size)
        self.number += self._buffer.count(b"\n", self._start, self._start + size)
        self._start += size
        self.overlong = False

    def _fill(self, size: int) -> bool:
        """Hold at least `size` bytes, or all there are; False when there is nothing more."""
        held = len(self._buffer) - self._start
        if held < size and not self._ended:
            parts = [self._buffer[self._start :]]
            while held < size and not self._ended:
                part = self._read(size - held)
                self._ended = not part
                parts.append(part)
                held += len(part)
            self._buffer, self._start = b"".join(parts), 0
            if self._ended and held and not self._buffer.endswith(b"\n"):
                self._buffer += b"\n"
        return held > 0

    def _behead(self) -> None:
        """Keep the head of the next line and pass over the rest of it."""
        head = self._buffer[self._start : self._start + HEAD_SIZE]
        while (end := self._buffer.find(b"\n", self._start)) < 0:
            self._start = len(self._buffer)
            self._fill(self.block_size)
        self._buffer, self._start = head + self._buffer[end:], 0
        self.overlong = True
