"""The mocked account: how calls are let in, refused and counted."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import ClassVar

import attrs
from starlette.responses import PlainTextResponse, Response

from headcount.mock.contract import Node, violation
from headcount.mock.emarsys.contact_calls import ContactCalls
from headcount.mock.emarsys.contacts import Contacts
from headcount.mock.emarsys.fields import Fields
from headcount.mock.emarsys.lists import ContactLists
from headcount.mock.emarsys.lookups import Lookups
from headcount.mock.emarsys.replies import Refused, UnknownKey, envelope, no_key_id, refused_reply
from headcount.mock.emarsys.rules import known_refusal
from headcount.mock.emarsys.sources import Sources
from headcount.mock.emarsys.switches import EmarsysSwitches
from headcount.mock.emarsys.wsse import wsse_refusal
from headcount.mock.faults import TOKEN_OPERATION
from headcount.mock.payload import Payload
from headcount.mock.vendor import Answer, Call, Handler, Refusal, Vendor, seconds_from_now

UPDATE_LIMIT = 8_000_000
"""Bytes of the body of an update (vendor-docs); a create may have 10 MB."""


class Emarsys(Vendor[EmarsysSwitches]):
    """An account and all that it holds.

    The order of checks is inferred: credentials, rate, size, JSON, schema, then what the account holds.
    """

    name = "emarsys"
    specs = ("emarsys",)
    credentials: ClassVar[Mapping[str, str]] = {
        "EMARSYS_CLIENT_ID": "mock-client",
        "EMARSYS_CLIENT_SECRET": "mock-secret",
        "EMARSYS_USERNAME": "mock-user",
        "EMARSYS_SECRET": "mock-secret",
    }
    client = ("EMARSYS_CLIENT_ID", "EMARSYS_CLIENT_SECRET")
    switches_type = EmarsysSwitches
    _minute_ends = 0
    _in_minute = 0

    def operations(self) -> Mapping[str, Handler]:
        contacts = Contacts(self)
        lists = ContactLists(self, contacts)
        sources = Sources(self)
        parts = (
            ContactCalls(self, contacts, lists, sources),
            Lookups(self, contacts, lists),
            Fields(self),
            sources,
            lists,
        )
        return {name: self._guarded(handler) for part in parts for name, handler in part.operations().items()}

    def respond(
        self, call: Call, in_path: Mapping[str, str], query: Sequence[tuple[str, str]], payload: Payload
    ) -> Response:
        if call.operation.id == TOKEN_OPERATION:
            return super().respond(call, in_path, query, payload)
        if call.operation.id == "updateContacts" and len(payload.content) > UPDATE_LIMIT:
            payload = attrs.evolve(payload, too_large=True)
        if not self.switches.enforce_rate_limit:
            return super().respond(call, in_path, query, payload)
        now = int(time.time())
        if now >= self._minute_ends:
            self._minute_ends, self._in_minute = now + 60, 0
        self._in_minute += 1
        left = self.switches.rate_limit - self._in_minute
        if left < 0:
            return self._too_many(self._minute_ends)
        response = super().respond(call, in_path, query, payload)
        response.headers.update(self._limits(left, self._minute_ends))
        return response

    def opens(self, scheme: Node, call: Call) -> str | None:
        version = "v2" if scheme["type"] == "apiKey" else "v3"
        if call.path.startswith("/api/") and not call.path.startswith(f"/api/{version}/"):
            return f"not the scheme of {call.path[:7]}"
        if scheme["type"] != "apiKey":
            return super().opens(scheme, call)
        header = call.headers.get("x-wsse") or call.headers.get("wsse") or ""
        return wsse_refusal(header, self.environment["EMARSYS_USERNAME"], self.environment["EMARSYS_SECRET"])

    def tolerates(self, call: Call) -> bool:
        """A body that breaks the schema in its contacts alone, where those are to be judged one by one."""
        contacts = call.body.get("contacts") if isinstance(call.body, dict) else None
        return (
            self.switches.invalid_contact == "item"
            and call.operation.id in ("createContacts", "updateContacts")
            and isinstance(contacts, list)
            and 0 < len(contacts) <= 1000
            and all(isinstance(contact, dict) for contact in contacts)
            and violation(call.operation.bodies["application/json"], {**call.body, "contacts": [{"3": ""}]}) is None
        )

    def error(self, refusal: Refusal, detail: str, call: Call | None) -> Response:
        code, text = {
            Refusal.UNAUTHORIZED: (1, "Unauthorized"),
            Refusal.FORBIDDEN: (1, "Forbidden"),
            Refusal.NOT_FOUND: (1, "Action is invalid."),
            Refusal.METHOD: (1009, "Invalid HTTP method"),
            Refusal.TOO_LARGE: (10001, "Request body too large"),
            Refusal.MEDIA_TYPE: (1010, "Invalid content type"),
            Refusal.MALFORMED: (1010, "Invalid JSON"),
            Refusal.INVALID: (10001, f"Invalid parameter: {detail}"),
        }[refusal]
        if refusal is Refusal.INVALID and call is not None:
            code, text = known_refusal(call.operation.id, detail, call.body) or (code, text)
        return refused_reply(code, text, refusal.status)

    def answers(self) -> Mapping[str, Answer]:
        """`rate_limited` (429 with X-RateLimit headers), `database_error`, `unsupported_method` and `error_in_200`
        are vendor-docs; `rate_limited_text` and `no_key_id` are client-source; `rate_limited_retry_after` is
        inferred."""
        return {
            **super().answers(),
            "rate_limited": lambda fault, call: self._too_many(seconds_from_now(fault.wait)),
            "rate_limited_retry_after": lambda fault, call: refused_reply(
                7003, "Too many requests", 429, {"Retry-After": str(fault.wait)}
            ),
            "rate_limited_text": lambda fault, call: PlainTextResponse("Too many requests", 429),
            "database_error": lambda fault, call: refused_reply(2011, "Database connection error", 500),
            "unsupported_method": lambda fault, call: PlainTextResponse(
                "This feature has not been implemented yet.", 501
            ),
            "error_in_200": lambda fault, call: refused_reply(2004, "Invalid key field id: 100", 200),
            "no_key_id": lambda fault, call: envelope(no_key_id("100")),
        }

    def _guarded(self, handler: Handler) -> Handler:
        """The handler, what it refuses told as the switches say."""

        def handle(call: Call) -> Response:
            try:
                return handler(call)
            except UnknownKey as unknown:
                return self._unknown_key(call, unknown.key_id)
            except Refused as refused:
                status = refused.status if self.switches.refusals == "status" else 200
                return refused_reply(refused.code, refused.text, status)

        return handle

    def _unknown_key(self, call: Call, key_id: str) -> Response:
        if self.switches.unknown_key == "pseudo_key" and "contacts" in (call.body or ()):
            return envelope(no_key_id(key_id))
        status = 400 if self.switches.unknown_key == "refused" else 200
        return refused_reply(2004, f"Invalid key field id: {key_id}", status)

    def _too_many(self, reset: int) -> Response:
        return refused_reply(7003, "Too many requests", 429, self._limits(0, reset))

    def _limits(self, left: int, reset: int) -> dict[str, str]:
        return {
            "X-RateLimit-Limit": str(self.switches.rate_limit),
            "X-Ratelimit-Remaining": str(left),
            "X-RateLimit-Reset": str(reset),
        }
