"""Acme Audiences, mocked: people of an audience, known by their ref."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import attrs
from starlette.responses import JSONResponse, Response

from headcount.mock.faults import Fault, Switches
from headcount.mock.vendor import Answer, Call, Handler, Refusal, Vendor
from headcount_acme import SPEC


@attrs.define(kw_only=True)
class AcmeSwitches(Switches):
    """How the mocked Acme answers.

    invalid_person: one that breaks the schema has the request `refuse`d with 400, or is an `entry` of its own.
    refused_domain: people with an address there are not taken, which the text says with the address.
    refused_as: such a person is an `entry` of its own, or has the whole `request` refused with 400.
    audience: the only audience there is; any other gets 404.
    capacity: people that the audience takes; one that does not fit any more has the request refused with E_FULL.
    """

    invalid_person: Literal["refuse", "entry"] = "refuse"
    refused_domain: str = "refused.example"
    refused_as: Literal["entry", "request"] = "entry"
    audience: str | None = None
    capacity: int | None = None


class Acme(Vendor[AcmeSwitches]):
    """People by id, each found by its ref."""

    name = "acme"
    specs = (SPEC,)
    credentials: ClassVar[Mapping[str, str]] = {"ACME_KEY": "mock-key", "ACME_AUDIENCE": "readers"}
    switches_type = AcmeSwitches

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._numbers = itertools.count(1)
        self._by_ref: dict[tuple[str, str], str] = {}

    def operations(self) -> Mapping[str, Handler]:
        return {"createContacts": self.create, "findContacts": self.find}

    def opens_token(self, token: str | None, call: Call) -> str | None:
        return None if token == self.environment["ACME_KEY"] else "wrong key"

    def tolerates(self, call: Call) -> bool:
        people = call.body.get("people") if isinstance(call.body, dict) else None
        return self.switches.invalid_person == "entry" and isinstance(people, list) and 0 < len(people) <= 100

    def error(self, refusal: Refusal, detail: str, call: Call | None) -> Response:
        return _failure(refusal.status, f"E_{refusal.name}", detail)

    def answers(self) -> Mapping[str, Answer]:
        return {**super().answers(), "rate_limited": _rate_limited}

    def create(self, call: Call) -> Response:
        """Adds people, or what `on_match` says of those who are there."""
        audience = call.parameters["audience"]
        if self.switches.audience not in (None, audience):
            return self.refuse(Refusal.NOT_FOUND, "no such audience", call)
        people, capacity = call.body["people"], self.switches.capacity
        if capacity is not None and len(self.store.contacts) + len(people) > capacity:
            return _failure(400, "E_FULL", "the audience is full")
        if self.switches.refused_as == "request" and (refused := [each for each in people if self._refused(each)]):
            return _failure(400, "E_EMAIL", f"{refused[0]['email']} is not taken")
        results: dict[str, Any] = {}
        for index, person in enumerate(people):
            if call.violation and not self.is_contact(person):
                ref = person.get("ref") if isinstance(person, dict) else None
                results[ref if isinstance(ref, str) else ""] = _error("E_INVALID", "not a person")
            elif self._refused(person):
                results[person["ref"]] = _error("E_EMAIL", f"{person['email']} is not taken")
            else:
                results[person["ref"]] = self._take(call, index, (audience, person["ref"]), person)
        return JSONResponse({"results": results}, 207 if any("error" in each for each in results.values()) else 200)

    def find(self, call: Call) -> Response:
        """The people that are there, of those asked for."""
        audience = call.parameters["audience"]
        ids = {ref: self._by_ref.get((audience, ref)) for ref in call.body["refs"]}
        return JSONResponse({"found": {ref: {"id": each} for ref, each in ids.items() if each is not None}})

    def _refused(self, person: Any) -> bool:
        return isinstance(person, dict) and str(person.get("email")).endswith(f"@{self.switches.refused_domain}")

    def _take(self, call: Call, index: int, place: tuple[str, str], person: Mapping[str, Any]) -> dict[str, str]:
        there, on_match = self._by_ref.get(place), call.body.get("on_match", "keep")
        if there is not None and on_match == "keep":
            return {"outcome": "kept", "id": there}
        if there is not None and on_match == "replace":
            self.write(call, index, place[1], there, person, person, "updated")
            return {"outcome": "replaced", "id": there}
        new = self._by_ref[place] = f"a-{next(self._numbers)}"
        self.write(call, index, place[1], new, person, person, "created")
        return {"outcome": "added", "id": new}


def _error(code: str, text: str) -> dict[str, Any]:
    return {"error": {"code": code, "text": text}}


def _failure(status: int, code: str, text: str) -> Response:
    return JSONResponse(_error(code, text), status)


def _rate_limited(fault: Fault, call: Call) -> Response:
    response = _failure(429, "E_RATE", "too many requests")
    response.headers["Retry-After"] = str(fault.wait)
    return response
