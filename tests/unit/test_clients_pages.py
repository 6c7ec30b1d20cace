"""Pages turned by one definition, called and awaited."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import pytest

from headcount.clients.emarsys import filter_of
from headcount.clients.pages import Paging, aevery, every
from headcount.errors import RetryLaterError, UsageError

Page = tuple[Sequence[str], int | None]
PAGING: Paging[int, Page, str] = Paging(0, lambda page: page[0], lambda cursor, page: page[1])


def both(fetch: Callable[[int], Page], paging: Paging[int, Page, str] = PAGING) -> list[str]:
    async def awaited() -> list[str]:
        async def afetch(cursor: int) -> Page:
            return fetch(cursor)

        return [each async for each in aevery(paging, afetch)]

    called: list[str] | str
    try:
        called = list(every(paging, fetch))
    except RetryLaterError as error:
        called = str(error)
        with pytest.raises(RetryLaterError, match=called):
            asyncio.run(awaited())
        raise
    assert asyncio.run(awaited()) == called
    return called


def test_items_come_in_order_over_empty_pages() -> None:
    pages: dict[int, Page] = {0: (["a", "b"], 5), 5: ([], 7), 7: (["c"], None)}
    assert both(pages.__getitem__) == ["a", "b", "c"]
    assert both(lambda cursor: ([], None)) == []


@pytest.mark.parametrize(
    "pages",
    [
        {0: (["a"], 0)},
        {0: (["a"], 1), 1: (["b"], 0)},
        {0: (["a"], 1), 1: (["a"], 2), 2: (["a"], 3)},
    ],
    ids=["itself", "a circle", "the same items"],
)
def test_a_list_that_turns_in_circles_ends(pages: dict[int, Page]) -> None:
    with pytest.raises(RetryLaterError, match="does not go on"):
        both(pages.__getitem__)


def test_a_page_after_which_none_can_be_found_ends_the_list() -> None:
    def following(cursor: int, page: Page) -> int:
        raise ValueError("canary")

    with pytest.raises(RetryLaterError, match="does not go on") as raised:
        both(lambda cursor: (["a"], 1), Paging(0, lambda page: page[0], following))
    assert "canary" not in str(raised.value.__context__)


def test_the_query_of_emarsys_as_one_text() -> None:
    assert filter_of(3, {1: "Ada", 2: ""}, 20, limit=10, excludeempty=True) == (
        "return=3&1=Ada&2=&limit=10&excludeempty=true&offset=20"
    )
    assert filter_of(3, {}, 0) == "return=3&offset=0"
    with pytest.raises(UsageError, match="no &"):
        filter_of(3, {1: "Ada&2=x"}, 0)
    for value in (5, None, ["Ada"]):
        with pytest.raises(UsageError, match="is a text"):
            filter_of(3, {1: value}, 0)  # type: ignore[dict-item]
