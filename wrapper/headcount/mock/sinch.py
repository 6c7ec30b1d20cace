"""Sinch, mocked: the batch service and the contacts and webhooks of the Conversation API, over one store."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar, TypeVar

from starlette.responses import JSONResponse, Response

from headcount.mock import sinch_changes as changes
from headcount.mock.announcements import Announcements, Deliveries, told
from headcount.mock.contract import Match
from headcount.mock.payload import Payload
from headcount.mock.sinch_people import Contact, People, Person
from headcount.mock.sinch_switches import SinchSwitches
from headcount.mock.sinch_webhooks import Stored, Webhooks
from headcount.mock.ulid import ulid
from headcount.mock.vendor import Answer, Call, Handler, Refusal, Vendor

__all__ = ["Sinch", "SinchSwitches"]

_BATCH = frozenset({"createContacts", "deleteContacts"})
_ITEM = TypeVar("_ITEM")


class Sinch(Vendor[SinchSwitches]):
    """Contacts by id, found by identity or external id, and webhooks; one store a project.

    Both services have `POST .../contacts`. On one port a body with `contacts` is the batch service's and any other the
    Conversation API's (inferred; the vendor tells them apart by host). The write log calls a new contact by its first
    identity, and one that is there by its id, as requests do.
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
        self._webhooks = Webhooks()
        self._unified: set[str] = set()

    def operations(self) -> Mapping[str, Handler]:
        handlers: dict[str, Callable[[Call, str], Response]] = {
            "createContacts": self.create_contacts,
            "deleteContacts": self.delete_contacts,
            "createContact": self.create_contact,
            "listContacts": self.list_contacts,
            "getContact": self.get_contact,
            "updateContact": self.update_contact,
            "deleteContact": self.delete_contact,
            "mergeContacts": self.merge_contacts,
            "getChannelProfile": self.get_channel_profile,
            "listIdentityConflicts": self.list_identity_conflicts,
            "createProjectSettings": self.update_project_settings,
            "getProjectSettings": self.get_project_settings,
            "updateProjectSettings": self.update_project_settings,
            "createWebhook": self.create_webhook,
            "listWebhooks": self.list_webhooks,
            "getWebhook": self.get_webhook,
            "updateWebhook": self.update_webhook,
            "deleteWebhook": self.delete_webhook,
        }
        return {name: partial(self._in_project, handler) for name, handler in handlers.items()}

    def _in_project(self, handler: Callable[[Call, str], Response], call: Call) -> Response:
        project = call.parameters["project_id"]
        return handler(call, project) if self.switches.project in (None, project) else self._not_found("project", call)

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

    def create_contacts(self, call: Call, project: str) -> Response:
        """The batch: takes what it is to take and says nothing about any contact."""
        for index, contact in enumerate(call.body["contacts"]):
            if call.violation and not self.is_contact(contact):
                continue
            if self.switches.duplicates == "ignore" and self._people.knows(project, contact["channel_identities"]):
                continue
            self._create(call, project, index, contact, self.switches.visible_after)
        return _bare(self.switches.accepted)

    def delete_contacts(self, call: Call, project: str) -> Response:
        """The batch delete: takes the ids and says nothing about any contact."""
        ids = call.body["contact_ids"]
        if self.switches.unknown_ids == "refuse" and not all(self._people.held(project, each) for each in ids):
            return self._not_found("contact", call)
        for index, contact_id in enumerate(ids):
            if contact := self._people.held(project, contact_id):
                self._delete(call, project, index, contact, self.switches.gone_after)
        return _bare(self.switches.accepted)

    def create_contact(self, call: Call, project: str) -> Response:
        """One contact, at once."""
        if self.switches.duplicates == "ignore" and self._people.knows(project, call.body["channel_identities"]):
            return self.refuse(Refusal.INVALID, "contact exists", call)
        return JSONResponse(self._create(call, project, 0, call.body, 0.0))

    def list_contacts(self, call: Call, project: str) -> Response:
        """A page of the project's contacts, or of those that the filters name."""
        given = call.parameters
        if ("channel" in given) != ("identity" in given) or ("channel" in given and "external_id" in given):
            return self.refuse(Refusal.INVALID, "channel and identity go together, without external_id", call)
        if (after := _position(given)) is None:
            return self._not_found("page", call)
        rest = [person for person in self._found(project, given) if person.number > after]
        page, more = _page(rest, given)
        following = str(page[-1].number) if more else ""
        return JSONResponse({"contacts": [person.contact for person in page], "next_page_token": following})

    def get_contact(self, call: Call, project: str) -> Response:
        """The contact with this id."""
        contact = self._people.seen(project, call.parameters["contact_id"])
        return JSONResponse(contact) if contact else self._not_found("contact", call)

    def update_contact(self, call: Call, project: str) -> Response:
        """The contact with the members of the mask replaced."""
        contact = self._people.held(project, call.parameters["contact_id"])
        if contact is None:
            return self._not_found("contact", call)
        names = _names(call)
        if names is None and self.switches.unmasked_update == "all":
            names = list(changes.MEMBERS)
        changed = self._replace(call, project, changes.updated(contact, call.body, names))
        self._announce(project, "CONTACT_UPDATE", changed["id"], {"contact": told(changed)})
        self._announce_duplicates(project, changed, 0.0)
        return JSONResponse(changed)

    def delete_contact(self, call: Call, project: str) -> Response:
        """One contact, at once."""
        contact = self._people.held(project, call.parameters["contact_id"])
        if contact is None:
            return self._not_found("contact", call)
        self._delete(call, project, 0, contact, 0.0)
        return _bare(self.switches.deleted)

    def merge_contacts(self, call: Call, project: str) -> Response:
        """The contact that is kept; in the write log an update, and the deletion of the other."""
        kept = self._people.held(project, call.parameters["destination_id"])
        source = self._people.held(project, call.body["source_id"])
        if kept is None or source is None:
            return self._not_found("contact", call)
        if kept is source:
            return self.refuse(Refusal.INVALID, "source_id: the destination itself", call)
        kept = self._replace(call, project, changes.merged(kept, source))
        self._remove(call, project, 1, source, 0.0)
        content = {"preserved_contact": told(kept), "deleted_contact": told(source)}
        self._announce(project, "CONTACT_MERGE", kept["id"], content)
        return JSONResponse(kept)

    def get_channel_profile(self, call: Call, project: str) -> Response:
        """The display name of the contact that is meant, if it has an identity on the channel (inferred: the vendor
        asks the channel, and what it answers without a profile is not documented)."""
        channel, recipient = call.body["channel"], call.body["recipient"]
        if "contact_id" in recipient:
            contact = self._people.seen(project, recipient["contact_id"])
            found = [contact] if contact else []
        else:
            wanted = [each for each in recipient["identified_by"]["channel_identities"] if each["channel"] == channel]
            people = [person for each in wanted for person in self._people.at(project, channel, each["identity"])]
            found = [person.contact for person in people]
        place = (channel, call.body["app_id"])
        for contact in found:
            if place in [(each["channel"], each["app_id"]) for each in contact["channel_identities"]]:
                return JSONResponse({"profile_name": contact["display_name"]})
        return self._not_found("profile", call)

    def list_identity_conflicts(self, call: Call, project: str) -> Response:
        """A page of the numbers that several contacts have."""
        if (start := _position(call.parameters)) is None:
            return self._not_found("page", call)
        page, more = _page(self._conflicts(project)[start:], call.parameters)
        return JSONResponse({"conflicts": page, "next_page_token": str(start + len(page)) if more else ""})

    def get_project_settings(self, call: Call, project: str) -> Response:
        """The project's settings, which are there from the beginning (inferred)."""
        settings = {"contact_settings": {"unified_contact_id_enabled": project in self._unified}}
        return JSONResponse({"project_id": project, "settings": settings})

    def update_project_settings(self, call: Call, project: str) -> Response:
        """Contacts are unified as they are written from then on (inferred). While there are conflicts it is refused
        (vendor-docs; with 409: inferred)."""
        if not call.body["contact_settings"]["unified_contact_id_enabled"]:
            self._unified.discard(project)
        elif project not in self._unified and self._conflicts(project):
            return self._error(call, 409, "FAILED_PRECONDITION", "there are identity conflicts")
        else:
            self._unified.add(project)
        return self.get_project_settings(call, project)

    def create_webhook(self, call: Call, project: str) -> Response:
        """A webhook, which events go to from now on."""
        return self._hold(call, project, self._webhooks.new(call.body))

    def list_webhooks(self, call: Call, project: str) -> Response:
        """All webhooks of an app; of one that does not exist, none (inferred)."""
        return JSONResponse({"webhooks": self._webhooks.of_app(project, call.parameters["app_id"])})

    def get_webhook(self, call: Call, project: str) -> Response:
        """The webhook with this id."""
        webhook = self._webhooks.get(project, call.parameters["webhook_id"])
        return JSONResponse(webhook) if webhook else self._not_found("webhook", call)

    def update_webhook(self, call: Call, project: str) -> Response:
        """The webhook with the members of the mask replaced."""
        webhook = self._webhooks.get(project, call.parameters["webhook_id"])
        if webhook is None:
            return self._not_found("webhook", call)
        return self._hold(call, project, self._webhooks.updated(webhook, call.body, _names(call)))

    def delete_webhook(self, call: Call, project: str) -> Response:
        """The webhook with this id is gone."""
        webhook_id = call.parameters["webhook_id"]
        if self._webhooks.get(project, webhook_id) is None:
            return self._not_found("webhook", call)
        self._webhooks.delete(project, webhook_id)
        return _bare(self.switches.deleted)

    def _hold(self, call: Call, project: str, webhook: Stored) -> Response:
        if self.switches.duplicate_targets == "refuse" and self._webhooks.is_duplicate(project, webhook):
            return self.refuse(Refusal.INVALID, "the app has a webhook with this target", call)
        if self._webhooks.is_one_too_many(project, webhook):
            return self._error(call, 409, "FAILED_PRECONDITION", "the app has five webhooks")
        self._webhooks.hold(project, webhook)
        return JSONResponse(webhook)

    def _found(self, project: str, given: Mapping[str, Any]) -> list[Person]:
        if "external_id" in given:
            return self._people.named(project, given["external_id"])
        if "channel" in given:
            return self._people.at(project, given["channel"], given["identity"])
        return self._people.all(project)

    def _conflicts(self, project: str) -> list[dict[str, Any]]:
        return changes.conflicts(person.contact for person in self._people.all(project))

    def _create(self, call: Call, project: str, index: int, sent: Mapping[str, Any], delay: float) -> Contact:
        contact = changes.stored(ulid(time.time(), next(self._numbers)), sent)
        first = contact["channel_identities"][0]
        key = ":".join(filter(None, (first["channel"], first["identity"], first["app_id"])))
        if project in self._unified:
            contact = changes.unified(contact)
        self.write(call, index, key, contact["id"], sent, contact, "created")
        if not self.switches.forget:
            self._people.add(project, contact, delay)
            self._announce(project, "CONTACT_CREATE", contact["id"], {"contact": told(contact)}, delay)
            self._announce_duplicates(project, contact, delay)
        return contact

    def _replace(self, call: Call, project: str, contact: Contact) -> Contact:
        if project in self._unified:
            contact = changes.unified(contact)
        self.write(call, 0, contact["id"], contact["id"], call.body, contact, "updated")
        self._people.replace(project, contact)
        return contact

    def _delete(self, call: Call, project: str, index: int, contact: Contact, delay: float) -> None:
        self._remove(call, project, index, contact, delay)
        self._announce(project, "CONTACT_DELETE", contact["id"], {"contact": told(contact)}, delay)

    def _remove(self, call: Call, project: str, index: int, contact: Contact, delay: float) -> None:
        self.remove(call, index, contact["id"], contact["id"], {"id": contact["id"]})
        self._people.remove(project, contact["id"], delay)

    def _announce(
        self, project: str, trigger: str, contact_id: str, content: Mapping[str, Any], delay: float = 0.0
    ) -> None:
        deliveries = self.switches.deliveries or Deliveries()
        own = [self.switches.webhook] if self.switches.webhook else []
        for webhook in (*own, *self._webhooks.listening(project, trigger, deliveries)):
            self.announcements.announce(webhook, project, trigger, contact_id, content, delay)

    def _announce_duplicates(self, project: str, contact: Contact, delay: float) -> None:
        if not self.switches.announce_duplicates:
            return
        shared = []
        for each in contact["channel_identities"]:
            found = self._people.at(project, each["channel"], each["identity"])
            ids = list(dict.fromkeys([*(person.contact["id"] for person in found), contact["id"]]))
            if len(ids) > 1:
                shared.append({"channel": each["channel"], "contact_ids": ids})
        if shared:
            content = {"duplicated_identities": shared}
            self._announce(project, "CONTACT_IDENTITIES_DUPLICATION", shared[0]["contact_ids"][0], content, delay)

    def _not_found(self, what: str, call: Call) -> Response:
        return self.refuse(Refusal.NOT_FOUND, f"{what} not found", call)

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


def _bare(body: str) -> Response:
    """A 200 without members."""
    return Response(b"") if body == "empty" else JSONResponse({})


def _names(call: Call) -> list[str] | None:
    """The members that the mask names, or None without a mask."""
    mask = call.parameters.get("update_mask")
    return None if mask is None else mask.split(",")


def _position(given: Mapping[str, Any]) -> int | None:
    """Where the page begins, or None where its token is none that was given out: 404, which is inferred."""
    token = given.get("page_token") or "0"
    return int(token) if token.isascii() and token.isdigit() and len(token) < 19 else None


def _page(rest: Sequence[_ITEM], given: Mapping[str, Any]) -> tuple[list[_ITEM], bool]:
    """The first items of the rest, and whether there are more."""
    size = given.get("page_size", 10)
    return list(rest[:size]), len(rest) > size
