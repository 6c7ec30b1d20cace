"""A journal that keeps nothing: for a load without a run folder."""

from __future__ import annotations

from collections.abc import Sequence

from headcount.core.batches import Answer
from headcount.outcome import Outcome


class MemoryJournal:
    """Numbers the claims and forgets them: what was settled lives in the outcomes alone."""

    rows_read = 0

    def __init__(self) -> None:
        self._claims = 0

    def claim(self, rows: Sequence[int]) -> int:
        self._claims += 1
        return self._claims

    def record(self, claim: int | None, rows: Sequence[int], answer: Answer, attempts: int) -> None:
        pass

    def checkpoint(self, rows_read: int, digest: bytes) -> None:
        pass

    def note(self, name: str, value: object) -> None:
        pass

    def commit(self) -> None:
        pass

    def recorded(self, index: int) -> Outcome | None:
        return None

    def checkpoint_at(self, rows_read: int) -> bytes | None:
        return None

    def noted(self, name: str) -> object:
        return None

    def close(self) -> None:
        pass
