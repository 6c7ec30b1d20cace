"""The mocked Emarsys, with a client that has a token, for the tests of each of its calls."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from headcount.mock import Store, serve
from headcount.mock.emarsys import EmarsysSwitches

ADA, BOB, EVE = "ada@example.com", "bob@example.com", "eve@example.com"


@contextmanager
def mocked(**switches: Any) -> Iterator[tuple[httpx.Client, Store]]:
    """A client with a token, and what the mock holds."""
    with (
        serve("emarsys", faults={"emarsys": EmarsysSwitches(**switches)}) as mock,
        httpx.Client(base_url=mock.url) as client,
    ):
        form = {"grant_type": "client_credentials"}
        token = client.post("/oauth2/token", data=form, auth=("mock-client", "mock-secret")).json()
        client.headers["Authorization"] = f"Bearer {token['access_token']}"
        yield client, mock.stores["emarsys"]


@contextmanager
def emarsys(**switches: Any) -> Iterator[tuple[httpx.Client, Store]]:
    """The same, with paths that begin after the version."""
    with mocked(**switches) as (client, store):
        client.base_url = client.base_url.join("/api/v3/")
        yield client, store


def said(reply: httpx.Response) -> tuple[int, int, Any]:
    """HTTP status, reply code and data."""
    body = reply.json()
    assert body.keys() == {"replyCode", "replyText", "data"}
    return reply.status_code, body["replyCode"], body["data"]


def create(client: httpx.Client, *contacts: dict[str, Any]) -> list[int]:
    """Creates contacts by e-mail address; their ids."""
    status, code, data = said(client.post("contact", json={"contacts": list(contacts)}))
    assert (status, code) == (200, 0) and "errors" not in data
    ids: list[int] = data["ids"]
    return ids
