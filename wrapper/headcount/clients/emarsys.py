"""Single calls to Emarsys."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from urllib.parse import parse_qs, urlsplit

from headcount.clients.connection import AsyncCalls, AsyncClient, AsyncConnection, Calls, Client, Connection, Service
from headcount.clients.pages import Paging, aevery, every
from headcount.clients.raw import raw_client
from headcount.errors import UsageError
from headcount_api.clients.emarsys.api import AsyncOperations, Operations
from headcount_api.clients.emarsys.client import AuthenticatedClient
from headcount_api.clients.emarsys.models import ListContactsInListReply, QueryContactsReply, StoredContact
from headcount_api.clients.emarsys.types import UNSET, Unset

_Token = int | Unset


def _following_token(token: _Token, page: ListContactsInListReply) -> int | None:
    """The page after this one, from the address that the vendor gives for it. Raises ValueError for another."""
    if not page.next_:
        return None
    (number,) = parse_qs(urlsplit(page.next_).query).get("$skiptoken", [""])
    if not number.isdecimal():
        raise ValueError("no number of a contact")
    return int(number)


def _contacts(page: QueryContactsReply) -> Sequence[StoredContact]:
    found = None if isinstance(page.data, str | Unset) else page.data.result
    return found if isinstance(found, list) else ()


def _following_offset(offset: int, page: QueryContactsReply) -> int | None:
    # How long a full page is, is the vendor's to say; an empty one is the end by any reading.
    return offset + len(_contacts(page)) if _contacts(page) else None


_MEMBERS: Paging[_Token, ListContactsInListReply, int | str] = Paging(
    UNSET, lambda page: page.value or (), _following_token
)
_QUERY = Paging(0, _contacts, _following_offset)


def filter_of(
    return_: int,
    filters: Mapping[int, str],
    offset: int,
    limit: int | Unset = UNSET,
    excludeempty: bool | Unset = UNSET,
) -> str:
    """A whole query as `filter_contacts` takes it. Raises UsageError for a filter that is none."""
    if not all(isinstance(value, str) for value in filters.values()):
        raise UsageError("a filter of Emarsys is a text")
    if any("&" in value for value in filters.values()):
        raise UsageError("a filter of Emarsys holds no &")
    parts: dict[str, object] = {"return": return_, **{str(number): value for number, value in filters.items()}}
    parts |= {} if isinstance(limit, Unset) else {"limit": limit}
    parts |= {} if isinstance(excludeempty, Unset) else {"excludeempty": str(excludeempty).lower()}
    return "&".join(f"{name}={value}" for name, value in (parts | {"offset": offset}).items())


class EmarsysClient(Operations, Client):
    """The calls of an Emarsys account. A refusal inside a 200 raises like any other.

    `raw` is the generated client, authorized, for the functions in `headcount_api.clients.emarsys.api`.
    """

    def __init__(self, connection: Connection, service: Service) -> None:
        Operations.__init__(self, Calls(connection, service))
        Client.__init__(self, connection)
        self.raw = raw_client(AuthenticatedClient, connection, service)

    def iterate_query(
        self,
        return_: int,
        *,
        filters: Mapping[int, str] | None = None,
        limit: int | Unset = UNSET,
        excludeempty: bool | Unset = UNSET,
        timeout: float | None = None,
    ) -> Iterator[StoredContact]:
        """Every contact's value of the field `return_`, or those of the contacts whose fields are as `filters` says, by
        `query_contacts` and `filter_contacts`. `limit` is the length of a page, `timeout` in seconds a page's."""

        def fetch(offset: int) -> QueryContactsReply:
            if filters:
                return self.filter_contacts(filter_of(return_, filters, offset, limit, excludeempty), timeout=timeout)
            return self.query_contacts(
                return_=return_, limit=limit, offset=offset, excludeempty=excludeempty, timeout=timeout
            )

        return every(_QUERY, fetch)

    def iterate_contacts_in_list(
        self, list_id: int, *, top: int | Unset = UNSET, timeout: float | None = None
    ) -> Iterator[int | str]:
        """The ID of every contact that `list_contacts_in_list` has. `top` is the length of a page, `timeout` in seconds
        a page's."""
        return every(
            _MEMBERS, lambda token: self.list_contacts_in_list(list_id, top=top, skiptoken=token, timeout=timeout)
        )


class AsyncEmarsysClient(AsyncOperations, AsyncClient):
    """The same, awaited."""

    def __init__(self, connection: AsyncConnection, service: Service) -> None:
        AsyncOperations.__init__(self, AsyncCalls(connection, service))
        AsyncClient.__init__(self, connection)
        self.raw = raw_client(AuthenticatedClient, connection, service)

    def iterate_query(
        self,
        return_: int,
        *,
        filters: Mapping[int, str] | None = None,
        limit: int | Unset = UNSET,
        excludeempty: bool | Unset = UNSET,
        timeout: float | None = None,
    ) -> AsyncIterator[StoredContact]:
        """Every contact's value of the field `return_`, or those of the contacts whose fields are as `filters` says, by
        `query_contacts` and `filter_contacts`. `limit` is the length of a page, `timeout` in seconds a page's."""

        async def fetch(offset: int) -> QueryContactsReply:
            if filters:
                filtered = filter_of(return_, filters, offset, limit, excludeempty)
                return await self.filter_contacts(filtered, timeout=timeout)
            return await self.query_contacts(
                return_=return_, limit=limit, offset=offset, excludeempty=excludeempty, timeout=timeout
            )

        return aevery(_QUERY, fetch)

    def iterate_contacts_in_list(
        self, list_id: int, *, top: int | Unset = UNSET, timeout: float | None = None
    ) -> AsyncIterator[int | str]:
        """The ID of every contact that `list_contacts_in_list` has. `top` is the length of a page, `timeout` in seconds
        a page's."""
        return aevery(
            _MEMBERS, lambda token: self.list_contacts_in_list(list_id, top=top, skiptoken=token, timeout=timeout)
        )
