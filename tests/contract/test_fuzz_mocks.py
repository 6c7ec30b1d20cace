"""Schemathesis against each mock over a real socket: default checks, every operation, the same cases each time."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any
from urllib.parse import urljoin

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from requests import PreparedRequest
from requests.auth import AuthBase, HTTPBasicAuth
from schemathesis.specs.openapi.checks import (
    allow_header_conformance,
    positive_data_acceptance,
    unsupported_method,
)

from headcount.mock import MockServer, serve
from headcount_api import specs

AnyCase = schemathesis.Case[Any]

EXAMPLES = settings(
    max_examples=25, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
TOKEN_PATH = "/oauth2/token"


class Bearer(AuthBase):
    """A token of this client, from the server that the request goes to; or an API key as it is."""

    def __init__(self, *, client: str = "", key: str = "") -> None:
        self.client, self.key = client, key

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        token = self.key or token_of(self.client, urljoin(str(request.url), TOKEN_PATH))
        request.headers["Authorization"] = f"Bearer {token}"
        return request


@cache
def token_of(client: str, url: str) -> str:
    form = {"grant_type": "client_credentials"}
    return str(httpx.post(url, data=form, auth=(client, "mock-secret")).json()["access_token"])


def schema_of(name: str, *, client: str = "", key: str = "") -> Any:
    schema = schemathesis.openapi.from_dict(specs.load(name))
    schema.auth.set_from_requests(HTTPBasicAuth(client, "mock-secret")).apply_to(path=TOKEN_PATH)
    schema.auth.set_from_requests(Bearer(client=client, key=key)).skip_for(path=TOKEN_PATH)
    return schema


sinch_batch = schema_of("sinch_batch", client="mock-key-id")
sinch_conversation = schema_of("sinch_conversation", client="mock-key-id")
emarsys = schema_of("emarsys", client="mock-client")
pabbly_chatflow = schema_of("pabbly_chatflow", key="mock-key")


@pytest.fixture(scope="module")
def mock() -> Iterator[MockServer]:
    with serve() as server:
        yield server


@sinch_batch.parametrize()
@EXAMPLES
def test_the_batch_service_keeps_to_its_spec(case: AnyCase, mock: MockServer) -> None:
    # The two Sinch services share a path; the host name tells the mock which one is meant.
    case.call_and_validate(base_url=mock.url, headers={"Host": "us.conversationbatch.api.sinch.com"})


@sinch_conversation.parametrize()
@EXAMPLES
def test_the_conversation_service_keeps_to_its_spec(case: AnyCase, mock: MockServer) -> None:
    # `channel` and `identity` go together and `external_id` alone, and a page token is one that was given out: no
    # schema of one parameter can say so. A look-up that breaks this may be refused; every other check stands for it.
    given = set(case.query or {}) & {"channel", "identity", "external_id", "page_token"}
    allowed = given in (set(), {"external_id"}, {"channel", "identity"})
    case.call_and_validate(
        base_url=mock.url,
        headers={"Host": "us.conversation.api.sinch.com"},
        excluded_checks=[] if allowed else [positive_data_acceptance],
    )


@emarsys.parametrize()
@EXAMPLES
def test_emarsys_keeps_to_its_spec(case: AnyCase, mock: MockServer) -> None:
    case.call_and_validate(base_url=mock.url if case.path == TOKEN_PATH else f"{mock.url}/api/v3")


@pabbly_chatflow.parametrize()
@EXAMPLES
def test_pabbly_keeps_to_its_spec(case: AnyCase, mock: MockServer) -> None:
    # The vendor's pages write one resource in two ways, POST without a slash at the end and GET with one. The mock
    # takes both in both ways, so its methods are not those of the one path as it is written.
    one_resource = [unsupported_method, allow_header_conformance]
    case.call_and_validate(base_url=f"{mock.url}/api/v1", excluded_checks=one_resource)
