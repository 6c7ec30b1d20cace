"""The durable record of a run: claim before a send, record after it, by row.

A run may take several sessions: a session is one process' turn at it, from opening the journal to closing it or dying.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from headcount.core.batches import Answer
from headcount.outcome import Outcome


class Journal(Protocol):
    """What a load asks of a journal. Nothing is durable before `commit` returns.

    Rows are input indexes, and always ascend. A row that was claimed and never recorded is in doubt. A later record
    of a row takes the place of an earlier one, and a later claim puts it in doubt again. All of it raises JournalError
    when the journal cannot be read or written.
    """

    def claim(self, rows: Sequence[int]) -> int:
        """Note that a request with these rows is about to leave; answers the claim's number."""
        ...

    def record(self, claim: int | None, rows: Sequence[int], answer: Answer, attempts: int) -> None:
        """Note what became of rows. `claim` is the one that this settles, whole; None for rows that were not
        sent. `attempts` is how many requests of this session have carried them."""
        ...

    def checkpoint(self, rows_read: int, digest: bytes) -> None:
        """Note that the input up to `rows_read` rows, encoded, has this digest."""
        ...

    def note(self, name: str, value: object) -> None:
        """Note a fact about the run, a JSON value; it takes the place of an earlier one of that name."""
        ...

    def commit(self) -> None:
        """Make everything noted so far durable, in one step."""
        ...

    def recorded(self, index: int) -> Outcome | None:
        """What earlier sessions say of a row; None when they say nothing.

        Called with ascending indexes. A row in doubt is `unknown`, kind `unanswered`.
        """
        ...

    def checkpoint_at(self, rows_read: int) -> bytes | None:
        """The digest noted for this many rows by an earlier session, or None."""
        ...

    def noted(self, name: str) -> object:
        """The fact of this name as last committed, or None."""
        ...

    @property
    def rows_read(self) -> int:
        """How many rows earlier sessions have read: the highest checkpoint."""
        ...

    def close(self) -> None:
        """Let go of the journal's files. What is not committed is lost."""
        ...
