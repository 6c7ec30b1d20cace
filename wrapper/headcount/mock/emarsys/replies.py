"""The envelope of every reply, and the refusals that handlers raise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import JSONResponse, Response

from headcount.mock.emarsys.switches import EmarsysSwitches

Errors = dict[str, dict[str, str]]
"""Messages by code, by the value of the key field."""


class Refused(Exception):
    """A call that is refused as a whole because of what the account holds; `status` is that of the vendor's tables."""

    def __init__(self, code: int, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.code, self.text, self.status = code, text, status


class UnknownKey(Exception):
    """A key field that the account does not have."""

    def __init__(self, key_id: str) -> None:
        super().__init__(key_id)
        self.key_id = key_id


def envelope(data: Any, code: int = 0, text: str = "OK", status: int = 200) -> Response:
    """A reply as every call but one has it."""
    return JSONResponse({"replyCode": code, "replyText": text, "data": data}, status)


def nothing_to_tell(switches: EmarsysSwitches) -> Response:
    """A success without anything to say."""
    return envelope({"map": {}, "text": "", "list": []}[switches.empty_data])


def refused_reply(code: int, text: str, status: int = 400, headers: Mapping[str, str] | None = None) -> Response:
    """A refusal of the whole; its `data` is the empty text."""
    response = envelope("", code, text, status)
    response.headers.update(headers or {})
    return response


def no_key_id(key_id: str) -> dict[str, Any]:
    """The data of a reply that tells of an unknown key field among the errors of contacts."""
    return {"ids": [], "errors": {"<NO_KEY_ID>": {"2004": f"Invalid key field id: {key_id}"}}}


def not_found(key_id: str, value: str) -> dict[str, str]:
    """No contact has this value of the key."""
    return {"2008": f"No contact found with the external id: {key_id} - {value}"}


def ambiguous(key_id: str, value: str) -> dict[str, str]:
    """Several contacts have this value of the key."""
    return {"2010": f"More contacts found with the external id: {key_id} - {value}"}


def exists(key_id: str) -> dict[str, str]:
    """A contact that is to be created is there."""
    return {"2009": f"Contact with the external id already exists: {key_id}"}


def no_value(key_id: str) -> dict[str, str]:
    """The contact has no value of the key."""
    return {"2005": f"No value provided for key field: {key_id}"}


def refused_with(problem: Mapping[str, str], status: int = 400) -> Refused:
    """The refusal of a call that is about one contact, which has this problem."""
    ((code, text),) = problem.items()
    return Refused(int(code), text, status)
