"""Pages turned by one definition, called and awaited."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from headcount.clients.emarsys import AsyncEmarsysClient, EmarsysClient, filter_of
from headcount.clients.pabbly import AsyncPabblyClient, PabblyClient
from headcount.clients.pages import Paging, aevery, every
from headcount.clients.sinch import AsyncSinchConversation, SinchConversation
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


def test_a_list_of_ever_new_empty_pages_ends() -> None:
    with pytest.raises(RetryLaterError, match="does not go on"):
        both(lambda cursor: ([], cursor + 1))
    with pytest.raises(RetryLaterError, match="does not go on"):
        both(lambda cursor: (["a"] if cursor == 50 else [], cursor + 1))
    assert both(lambda cursor: ([] if cursor % 60 else [str(cursor)], None if cursor == 150 else cursor + 1)) == [
        "0", "60", "120",
    ]  # fmt: skip


def test_a_page_after_which_none_can_be_found_ends_the_list() -> None:
    def following(cursor: int, page: Page) -> int:
        raise ValueError("canary")

    with pytest.raises(RetryLaterError, match="does not go on") as raised:
        both(lambda cursor: (["a"], 1), Paging(0, lambda page: page[0], following))
    assert "canary" not in str(raised.value.__context__)


ITERATIONS = [
    (SinchConversation, AsyncSinchConversation, "iterate_contacts", "list_contacts"),
    (SinchConversation, AsyncSinchConversation, "iterate_identity_conflicts", "list_identity_conflicts"),
    (EmarsysClient, AsyncEmarsysClient, "iterate_query", "query_contacts"),
    (EmarsysClient, AsyncEmarsysClient, "iterate_contacts_in_list", "list_contacts_in_list"),
    (PabblyClient, AsyncPabblyClient, "iterate_contacts", "list_contacts"),
]
EMPTY = SimpleNamespace(contacts=[], conflicts=[], next_page_token="", value=[], next_=None, data="")


@pytest.mark.parametrize(
    ("called", "awaited", "iterate", "listing"), ITERATIONS, ids=lambda value: getattr(value, "__name__", value)
)
def test_an_iteration_hands_on_all_that_it_is_given(called: Any, awaited: Any, iterate: str, listing: str) -> None:
    taken: list[object] = []

    def page(*places: object, **named: object) -> Any:
        taken.extend((*places, *named.values()))
        return EMPTY

    async def apage(*places: object, **named: object) -> Any:
        return page(*places, **named)

    async def drained(iteration: Any) -> list[Any]:
        return [each async for each in iteration]

    for kind, answer in ((called, page), (awaited, apage)):
        api = object.__new__(kind)
        setattr(api, listing, answer)
        names = inspect.signature(getattr(api, iterate)).parameters
        # With filters the query of Emarsys is another call, which has one text for all.
        given = {name: object() for name in names if name != "filters"}
        iteration = getattr(api, iterate)(**given)
        assert (list(iteration) if answer is page else asyncio.run(drained(iteration))) == []
        assert all(value in taken for value in given.values())
        taken.clear()


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
