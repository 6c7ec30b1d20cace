"""Sinch, mocked: the batch service and the contacts of the Conversation API, over one store."""

from __future__ import annotations

import itertools
import time
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import attrs
from starlette.responses import JSONResponse, Response

from headcount.mock.announcements import Announcements, Webhook
from headcount.mock.contract import Match
from headcount.mock.faults import Switches
from headcount.mock.payload import Payload
from headcount.mock.sinch_people import People, Person, stored_identity
from headcount.mock.ulid import ulid
from headcount.mock.vendor import Answer, Call, Handler, Refusal, Vendor

_BATCH = frozenset({"createContacts", "deleteContacts"})


@attrs.define(kw_only=True)
class SinchSwitches(Switches):
    """How the mocked Sinch answers.

    errors: the batch service's errors, members at the top or under `error` (flat: seed; nested: vendor-docs).
        The Conversation API's are always nested.
    accepted: the body of the batch service's 200 (empty and object: both inferred, the seed gives no fields).
    invalid_contact: a contact that breaks the schema: `refuse` refuses the batch with 400, `drop` takes the others and
        says nothing (both inferred).
    duplicates: a contact whose identities are all there already: `store` stores a second one, `ignore` says nothing
        in a batch and refuses a single create with 400 (both inferred).
    visible_after: seconds until a contact of a batch is found by a look-up (seed: asynchronous; the time is inferred).
    gone_after: seconds until a contact of a batch delete is found no more (vendor-docs: asynchronous; the time is
        inferred). Until then it can be read and no longer changed. The write log has it at once.
    unknown_ids: ids in a batch delete that no contact has: `ignore` deletes the others and says nothing, `refuse`
        refuses the batch with 404 (both inferred).
    project: the only project id that exists; any other gets 404 (vendor-docs). None means that every one exists.
    webhook: where contacts are announced as they become visible (seed: one CONTACT_CREATE each); nowhere by default.
    """

    errors: Literal["flat", "nested"] = "flat"
    accepted: Literal["empty", "object"] = "object"
    invalid_contact: Literal["refuse", "drop"] = "refuse"
    duplicates: Literal["store", "ignore"] = "store"
    visible_after: float = 0.0
    gone_after: float = 0.0
    unknown_ids: Literal["ignore", "refuse"] = "ignore"
    project: str | None = None
    webhook: Webhook | None = None


class Sinch(Vendor[SinchSwitches]):
    """Contacts by id, found by identity or external id, one store a project.

    Both services have `POST .../contacts`. On one port a body with `contacts` is the batch service's and any other the
    Conversation API's (inferred; the vendor tells them apart by host).
    """

    name = "sinch"
    specs = ("sinch_batch", "sinch_conversation")
    credentials: ClassVar[Mapping[str, str]] = {
        "SINCH_PROJECT_ID": "mock-project",
        "SINCH_KEY_ID": "mock-key-id",
        "SINCH_KEY_SECRET": "mock-secret",
        "SINCH_REGION": "us",
    }
    client = ("SINCH_KEY_ID", "SINCH_KEY_SECRET")
    switches_type = SinchSwitches

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.announcements = Announcements()
        self._numbers = itertools.count(1)
        self._people = People()

    def operations(self) -> Mapping[str, Handler]:
        return {
            "createContacts": self.create_contacts,
            "deleteContacts": self.delete_contacts,
            "createContact": self.create_contact,
            "listContacts": self.list_contacts,
            "getContact": self.get_contact,
        }

    def choose(self, matches: list[Match], payload: Payload) -> Match:
        if len(matches) == 1:
            return matches[0]
        single = isinstance(payload.value, dict) and "contacts" not in payload.value
        wanted = "createContact" if single else "createContacts"
        return next((match for match in matches if match.operation.id == wanted), matches[0])

    def tolerates(self, call: Call) -> bool:
        contacts = call.body.get("contacts") if isinstance(call.body, dict) else None
        return (
            self.switches.invalid_contact == "drop"
            and call.operation.id == "createContacts"
            and isinstance(contacts, list)
            and 0 < len(contacts) <= 1000
        )

    def error(self, refusal: Refusal, detail: str, call: Call | None) -> Response:
        status = {
            Refusal.UNAUTHORIZED: "UNAUTHENTICATED",
            Refusal.FORBIDDEN: "PERMISSION_DENIED",
            Refusal.NOT_FOUND: "NOT_FOUND",
        }.get(refusal, "INVALID_ARGUMENT")
        headers = {}
        if refusal is Refusal.UNAUTHORIZED:
            reason = "Jwt expired at 2024-07-08T22:12:28Z" if "expired" in detail else detail
            headers = {"WWW-Authenticate": f'Bearer error="invalid_token", error_description="{reason}"'}
        message = "" if refusal is Refusal.FORBIDDEN else detail
        return self._error(call, refusal.status, status, message, headers=headers)

    def answers(self) -> Mapping[str, Answer]:
        """`token_expired` and `billing` are vendor-docs, as are the server errors; `rate_limited_retry_info` too, in
        `details`; a `Retry-After` is inferred."""
        return {
            **super().answers(),
            "token_expired": lambda fault, call: self.refuse(Refusal.UNAUTHORIZED, "token expired", call),
            "billing": lambda fault, call: self._error(call, 403, "BILLING_CREDIT_LIMIT_BREACHED", ""),
            "bad_request": lambda fault, call: self._error(call, 400, "INVALID_ARGUMENT", "Invalid argument"),
            "not_found": lambda fault, call: self._error(call, 404, "NOT_FOUND", "Not found"),
            "rate_limited": lambda fault, call: self._rate_limited(call),
            "rate_limited_retry_after": lambda fault, call: self._rate_limited(call, header=fault.wait),
            "rate_limited_retry_info": lambda fault, call: self._rate_limited(call, info=fault.wait),
            "server_error": lambda fault, call: self._error(call, 500, "INTERNAL_ERROR", "Internal error"),
            "not_implemented": lambda fault, call: self._error(call, 501, "INTERNAL_ERROR", "Internal error"),
        }

    def create_contacts(self, call: Call) -> Response:
        """The batch: takes what it is to take and says nothing about any contact."""
        if not self._has_project(call):
            return self.refuse(Refusal.NOT_FOUND, "project not found", call)
        project = call.parameters["project_id"]
        for index, contact in enumerate(call.body["contacts"]):
            if call.violation and not self.is_contact(contact):
                continue
            if self.switches.duplicates == "ignore" and self._is_known(project, contact):
                continue
            self._create(call, index, contact, self.switches.visible_after)
        return Response(b"") if self.switches.accepted == "empty" else JSONResponse({})

    def delete_contacts(self, call: Call) -> Response:
        """The batch delete: takes the ids and says nothing about any contact."""
        if not self._has_project(call):
            return self.refuse(Refusal.NOT_FOUND, "project not found", call)
        project, ids = call.parameters["project_id"], call.body["contact_ids"]
        if self.switches.unknown_ids == "refuse" and not all(self._people.held(project, each) for each in ids):
            return self.refuse(Refusal.NOT_FOUND, "contact not found", call)
        for index, contact_id in enumerate(ids):
            if self._people.held(project, contact_id):
                self._delete(call, index, contact_id, self.switches.gone_after)
        return Response(b"") if self.switches.accepted == "empty" else JSONResponse({})

    def create_contact(self, call: Call) -> Response:
        """One contact, at once."""
        if not self._has_project(call):
            return self.refuse(Refusal.NOT_FOUND, "project not found", call)
        if self.switches.duplicates == "ignore" and self._is_known(call.parameters["project_id"], call.body):
            return self.refuse(Refusal.INVALID, "contact exists", call)
        return JSONResponse(self._create(call, 0, call.body, 0.0))

    def list_contacts(self, call: Call) -> Response:
        """A page of the project's contacts, or of those that the filters name."""
        if not self._has_project(call):
            return self.refuse(Refusal.NOT_FOUND, "project not found", call)
        given, project = call.parameters, call.parameters["project_id"]
        if ("channel" in given) != ("identity" in given) or ("channel" in given and "external_id" in given):
            return self.refuse(Refusal.INVALID, "channel and identity go together, without external_id", call)
        token = given.get("page_token") or "0"
        if not (token.isascii() and token.isdigit() and len(token) < 19):
            return self.refuse(Refusal.INVALID, "unknown page token", call)
        found = self._found(project, given)
        page, following = _page(found, int(token), given.get("page_size", 10))
        return JSONResponse({"contacts": [person.contact for person in page], "next_page_token": following})

    def get_contact(self, call: Call) -> Response:
        """The contact with this id."""
        contact = self._people.seen(call.parameters["project_id"], call.parameters["contact_id"])
        if contact is None:
            return self.refuse(Refusal.NOT_FOUND, "contact not found", call)
        return JSONResponse(contact)

    def _found(self, project: str, given: Mapping[str, Any]) -> list[Person]:
        if "external_id" in given:
            return self._people.named(project, given["external_id"])
        if "channel" in given:
            return self._people.at(project, given["channel"], given["identity"])
        return self._people.all(project)

    def _create(self, call: Call, index: int, sent: Mapping[str, Any], hidden: float) -> dict[str, Any]:
        project = call.parameters["project_id"]
        contact_id = ulid(time.time(), next(self._numbers))
        identities = [
            {
                "channel": each["channel"],
                "identity": stored_identity(each["channel"], each["identity"]),
                "app_id": each.get("app_id", ""),
            }
            for each in sent["channel_identities"]
        ]
        stored = {
            "id": contact_id,
            "channel_identities": identities,
            "channel_priority": sent.get("channel_priority", []),
            "display_name": sent.get("display_name") or "Unknown",
            "email": sent.get("email", ""),
            "external_id": sent.get("external_id", ""),
            "language": sent["language"],
            "metadata": sent.get("metadata", ""),
        }
        first = identities[0]
        key = ":".join(filter(None, (first["channel"], first["identity"], first["app_id"])))
        self.write(call, index, key, contact_id, sent, stored, "created")
        if not self.switches.forget:
            self._people.add(project, stored, hidden)
            if self.switches.webhook:
                self.announcements.announce(self.switches.webhook, project, stored, hidden)
        return stored

    def _delete(self, call: Call, index: int, contact_id: str, delay: float) -> None:
        self.remove(call, index, contact_id, contact_id, {"id": contact_id})
        self._people.remove(call.parameters["project_id"], contact_id, delay)

    def _is_known(self, project: str, contact: Mapping[str, Any]) -> bool:
        return self._people.knows(project, contact["channel_identities"])

    def _has_project(self, call: Call) -> bool:
        return self.switches.project in (None, call.parameters["project_id"])

    def _rate_limited(self, call: Call, *, header: int | None = None, info: int | None = None) -> Response:
        kind = "type.googleapis.com/google.rpc.RetryInfo"
        details = [] if info is None else [{"@type": kind, "retryDelay": f"{info}s"}]
        headers = {} if header is None else {"Retry-After": str(header)}
        return self._error(call, 429, "RESOURCE_EXHAUSTED", "Too many requests", details=details, headers=headers)

    def _error(
        self,
        call: Call | None,
        code: int,
        status: str,
        message: str,
        *,
        details: Sequence[Any] = (),
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        error = {"code": code, "message": message, "status": status, "details": list(details)}
        flat = call is not None and call.operation.id in _BATCH and self.switches.errors == "flat"
        return JSONResponse(error if flat else {"error": error}, code, headers)


def _page(found: Sequence[Person], after: int, size: int) -> tuple[Sequence[Person], str]:
    """The first of those behind a number, and the token of the page behind them. It outlives deletions."""
    rest = [person for person in found if person.number > after]
    return rest[:size], str(rest[size - 1].number) if len(rest) > size else ""
