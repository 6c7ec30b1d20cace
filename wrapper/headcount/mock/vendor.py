"""What all mocked vendors share. A vendor is a subclass of Vendor, found by entry point."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any, ClassVar, Generic, TypeVar

import attrs
from starlette.datastructures import Headers
from starlette.responses import JSONResponse, PlainTextResponse, Response

from headcount.errors import UsageError
from headcount.mock.contract import Contract, Match, Node, Operation, violation
from headcount.mock.faults import TOKEN_OPERATION, Calls, Fault, Switches, read_switches
from headcount.mock.payload import Payload
from headcount.mock.store import Effect, Store, Write
from headcount.mock.tokens import Tokens, read_basic, read_bearer

HTML = "<html><head><title>{0}</title></head><body><h1>{0}</h1></body></html>"

S = TypeVar("S", bound=Switches)


class Refusal(StrEnum):
    """Why a request is refused before its operation sees it, or because nothing is at its path."""

    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not found"
    METHOD = "method not allowed"
    TOO_LARGE = "content too large"
    MEDIA_TYPE = "unsupported media type"
    MALFORMED = "malformed body"
    INVALID = "invalid request"

    @property
    def status(self) -> int:
        """The HTTP status that goes with it."""
        return _STATUSES[self]


_STATUSES = {
    Refusal.UNAUTHORIZED: 401,
    Refusal.FORBIDDEN: 403,
    Refusal.NOT_FOUND: 404,
    Refusal.METHOD: 405,
    Refusal.TOO_LARGE: 413,
    Refusal.MEDIA_TYPE: 415,
    Refusal.MALFORMED: 400,
    Refusal.INVALID: 400,
}


@attrs.frozen
class Call:
    """One request on its way to an operation.

    number: of the API call, from 1 per vendor, token calls left out (a token call has 0).
    parameters: path, query and header parameters by name, checked, as JSON values.
    query: the whole query as it came, for parameters whose names no spec can know.
    violation: where the body breaks the schema, for people; None when it keeps to it.
    """

    number: int
    operation: Operation
    path: str
    headers: Headers
    parameters: Mapping[str, Any] = attrs.Factory(dict)
    query: Sequence[tuple[str, str]] = ()
    body: Any = None
    violation: str | None = None


Handler = Callable[[Call], Response]
Answer = Callable[[Fault, Call], Response]


class Vendor(ABC, Generic[S]):
    """One mocked vendor: the generic way of a request through the specs, and the vendor's own state.

    A subclass names itself, its compiled specs and its credentials (environment variable to value), and gives
    one handler per operationId, the vendor's shape of a refusal, and its named answers for faults.
    """

    name: ClassVar[str]
    specs: ClassVar[tuple[str | Node, ...]]
    """Names in `headcount_api.specs`, or the compiled documents themselves; the first has the schema `Contact`."""
    credentials: ClassVar[Mapping[str, str]]
    client: ClassVar[tuple[str, str] | None] = None
    """The names of the credentials that the token server takes: client id and secret."""
    switches_type: type[S]

    def __init__(
        self,
        switches: S | Mapping[str, Any] | None = None,
        credentials: Mapping[str, str] | None = None,
        tokens: Tokens | None = None,
    ) -> None:
        self.switches = read_switches(self.switches_type, switches or {}, self.name)
        own = credentials or {}
        self.environment = {name: own.get(name, value) for name, value in self.credentials.items()}
        self.tokens = tokens or Tokens()
        self.store = Store()
        self.contracts = [Contract.of(spec) for spec in self.specs]
        self.handlers: dict[str, Handler] = {**self.operations(), TOKEN_OPERATION: self.create_token}
        self._calls = Calls()
        self._check()

    @abstractmethod
    def operations(self) -> Mapping[str, Handler]:
        """The handler of each operationId of the specs, the token call left out."""

    @abstractmethod
    def error(self, refusal: Refusal, detail: str, call: Call | None) -> Response:
        """A refusal in the vendor's shape, with `refusal.status`."""

    def refuse(self, refusal: Refusal, detail: str, call: Call | None = None) -> Response:
        """A refusal: the vendor's, or for the token call the token server's."""
        if call is not None and call.operation.id == TOKEN_OPERATION:
            return _refuse_token(refusal, detail)
        return self.error(refusal, detail, call)

    def answers(self) -> Mapping[str, Answer]:
        """The answers that a fault may name."""
        return {
            "html": lambda fault, call: Response(HTML.format("Welcome"), 200, media_type="text/html"),
            "bad_gateway": lambda fault, call: Response(HTML.format("Bad Gateway"), 502, media_type="text/html"),
            "unavailable": lambda fault, call: Response(
                HTML.format("Service Unavailable"), 503, media_type="text/html"
            ),
            "redirect": lambda fault, call: Response(
                status_code=307, headers={"Location": "http://127.0.0.1:9/elsewhere"}
            ),
            "unauthorized": lambda fault, call: self.refuse(Refusal.UNAUTHORIZED, "invalid token", call),
            "forbidden": lambda fault, call: self.refuse(Refusal.FORBIDDEN, "not permitted", call),
            "too_large": lambda fault, call: self.refuse(Refusal.TOO_LARGE, "request too large", call),
        }

    def choose(self, matches: list[Match], payload: Payload) -> Match:
        """Which operation is meant where several specs have the same method and path."""
        return matches[0]

    def opens(self, scheme: Node, call: Call) -> str | None:
        """Why the request does not satisfy this security scheme, or None when it does."""
        if scheme["type"] == "apiKey":
            return self.opens_token(call.headers.get(scheme["name"]), call)
        header = call.headers.get("authorization", "")
        if scheme["type"] == "http" and scheme["scheme"].lower() == "basic":
            return None if self.client and read_basic(header) == self._client() else "invalid client"
        return self.opens_token(read_bearer(header), call)

    def opens_token(self, token: str | None, call: Call) -> str | None:
        """Why this bearer token, or the key of an API key header, does not open the call, or None when it does."""
        if token is None:
            return "missing token"
        return self.tokens.refusal(token, self._client()[0], self.switches.token_calls)

    def tolerates(self, call: Call) -> bool:
        """Whether a body that breaks the schema reaches the handler all the same."""
        return False

    def owns(self, headers: Headers) -> bool:
        """Whether the client credentials of a token call are this vendor's."""
        given = read_basic(headers.get("authorization", ""))
        return self.client is not None and given is not None and given[0] == self._client()[0]

    def is_contact(self, value: Any) -> bool:
        """Whether the value keeps to the schema of one contact in the vendor's first spec."""
        return violation(self.contracts[0].contact, value) is None

    def write(
        self,
        call: Call,
        index: int,
        key: str,
        contact_id: str,
        sent: Mapping[str, Any],
        stored: Any,
        effect: Effect,
    ) -> None:
        """Stores a contact and logs it."""
        entry = Write(call.number, index, key, sent, effect)
        self.store.write(contact_id, stored, entry, forget=self.switches.forget)

    def remove(self, call: Call, index: int, key: str, contact_id: str, sent: Mapping[str, Any]) -> None:
        """Deletes a contact and logs it; `sent` is what named it."""
        entry = Write(call.number, index, key, sent, "deleted")
        self.store.remove(contact_id, entry, forget=self.switches.forget)

    def begin(self, operation: Operation) -> tuple[int, Fault | None]:
        """Counts one more call of this operation; its number, and the fault that falls on it."""
        fault = self._calls.begin([operation.id], self.switches.faults)
        return 0 if operation.id == TOKEN_OPERATION else self._calls.number(None), fault

    def faulty(self, fault: Fault, call: Call) -> Response:
        """The reply that a fault puts in the place of the vendor's own."""
        response = self.answers()[fault.answer](fault, call) if fault.answer else PlainTextResponse("")
        if fault.body is not None:
            response.body = fault.body.encode()
            response.headers["content-length"] = str(len(response.body))
        if fault.status is not None:
            response.status_code = fault.status
        response.headers.update(fault.headers)
        return response

    def respond(
        self, call: Call, in_path: Mapping[str, str], query: Sequence[tuple[str, str]], payload: Payload
    ) -> Response:
        """The vendor's reply to a request: checked against the spec, then handled."""
        operation = call.operation
        if (detail := self._locked(call)) is not None:
            return self.refuse(Refusal.UNAUTHORIZED, detail, call)
        if payload.too_large and operation.bodies:
            return self.refuse(Refusal.TOO_LARGE, "request too large", call)
        try:
            parameters = operation.read_parameters(in_path, query, call.headers)
        except ValueError as error:
            return self.refuse(Refusal.INVALID, str(error), call)
        call = attrs.evolve(call, parameters=parameters, query=query)
        if operation.bodies and (operation.body_required or payload.content):
            if payload.media_type not in operation.bodies:
                return self.refuse(Refusal.MEDIA_TYPE, f"expected {', '.join(operation.bodies)}", call)
            if payload.fault:
                return self.refuse(Refusal.MALFORMED, payload.fault, call)
            problem = violation(operation.bodies[payload.media_type], payload.value)
            call = attrs.evolve(call, body=payload.value, violation=problem)
            if problem and not self.tolerates(call):
                return self.refuse(Refusal.INVALID, problem, call)
        return self.handlers[operation.id](call)

    def create_token(self, call: Call) -> Response:
        """The token server's answer to client credentials."""
        token = {"access_token": self.tokens.issue(self._client()[0]), "expires_in": 3600}
        return JSONResponse({**token, "scope": "", "token_type": "bearer"}, headers={"Cache-Control": "no-store"})

    def _client(self) -> tuple[str, str]:
        assert self.client is not None
        return self.environment[self.client[0]], self.environment[self.client[1]]

    def _locked(self, call: Call) -> str | None:
        reasons = []
        for schemes in call.operation.security:
            reason = next((reason for scheme in schemes if (reason := self.opens(scheme, call))), None)
            if reason is None:
                return None
            reasons.append(reason)
        return next((reason for reason in reasons if "expired" in reason), reasons[0]) if reasons else None

    def _check(self) -> None:
        known = {operation.id for contract in self.contracts for operation in contract.operations}
        if missing := known - self.handlers.keys():
            raise NotImplementedError(f"{self.name}: no handler for {', '.join(sorted(missing))}")
        names = self.answers()
        for fault in self.switches.faults:
            if fault.answer is not None and fault.answer not in names:
                raise UsageError(f"{self.name}: no answer is called {fault.answer!r}; there are {', '.join(names)}")
            if fault.operation is not None and fault.operation not in known:
                raise UsageError(f"{self.name}: no operation is called {fault.operation!r}")


def _refuse_token(refusal: Refusal, detail: str) -> Response:
    unauthorized = refusal is Refusal.UNAUTHORIZED
    content = {"error": "invalid_client" if unauthorized else "invalid_request", "error_description": detail}
    return JSONResponse(content, refusal.status, {"WWW-Authenticate": "Basic"} if unauthorized else None)


def seconds_from_now(seconds: int) -> int:
    """Unix time, as a reset header gives it."""
    return int(time.time()) + seconds
