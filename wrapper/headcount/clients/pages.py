"""What comes page by page, one item after the other: decided once, for calls that are made or awaited."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Iterator, Sequence
from contextlib import suppress
from typing import Generic, TypeVar

import attrs

from headcount.errors import RetryLaterError
from headcount.outcome import Kind, Problem

Cursor = TypeVar("Cursor", bound=Hashable)
Page = TypeVar("Page")
Item = TypeVar("Item")


@attrs.frozen
class Paging(Generic[Cursor, Page, Item]):
    """How a list goes on.

    `first` is the cursor of the first page. `items` are what a page holds; `following` is the cursor of the page after
    the one that was asked for with this cursor, or None where that was the last. It raises ValueError where the page
    names one that there cannot be.
    """

    first: Cursor
    items: Callable[[Page], Sequence[Item]]
    following: Callable[[Cursor, Page], Cursor | None]


_MOST_EMPTY = 100
"""Pages without an item that may follow each other; a vendor that names ever new ones would never end."""


class _Turning(Generic[Cursor, Page, Item]):
    """Where an iteration stands."""

    def __init__(self, paging: Paging[Cursor, Page, Item]) -> None:
        self._paging = paging
        self._seen: set[Cursor] = set()
        self._last: Sequence[Item] = ()
        self._empty = 0
        self.cursor: Cursor | None = paging.first

    def turn(self, cursor: Cursor, page: Page) -> Sequence[Item]:
        """Takes the page of this cursor, gives its items, and moves on. Raises RetryLaterError for a list that does not
        move, which would never end, and for one that cannot be followed."""
        items = self._paging.items(page)
        self._seen.add(cursor)
        self._empty = 0 if items else self._empty + 1
        following: Cursor | None = cursor
        with suppress(ValueError):
            following = self._paging.following(cursor, page)
        endless = following is not None and self._empty == _MOST_EMPTY
        if endless or following in self._seen or (items and items == self._last):
            text = "the list does not go on: the vendor names no page after this one, the same again, or empty ones"
            raise RetryLaterError(text, Problem(Kind.UNREADABLE_REPLY, text, retryable=True))
        self._last = items
        self.cursor = following
        return items


def every(paging: Paging[Cursor, Page, Item], fetch: Callable[[Cursor], Page]) -> Iterator[Item]:
    """The items of all pages. A page is fetched when its first item is asked for."""
    turning = _Turning(paging)
    while (cursor := turning.cursor) is not None:
        yield from turning.turn(cursor, fetch(cursor))


async def aevery(paging: Paging[Cursor, Page, Item], fetch: Callable[[Cursor], Awaitable[Page]]) -> AsyncIterator[Item]:
    """The same, awaited."""
    turning = _Turning(paging)
    while (cursor := turning.cursor) is not None:
        for item in turning.turn(cursor, await fetch(cursor)):
            yield item
