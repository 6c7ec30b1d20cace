"""What is fuzzed: each spec with the mock that answers to it, over HTTP on a port of its own or in-process."""

from __future__ import annotations

import base64
import copy
import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import attrs

from headcount.mock import Built, build, serve
from headcount.mock.registry import vendor_names, vendor_type
from headcount.mock.vendor import Vendor
from headcount_api import specs
from tests.fuzz.promises import PROMISES, promised

Document = dict[str, Any]
Scheme = Mapping[str, str]

IN_PROCESS = "http://mock"


@attrs.frozen
class Target:
    """A spec and how its mock is reached.

    base: the path of the vendor's server; an operation with a server of its own has its path alone.
    schemes: the credentials by security scheme, as Schemathesis takes them, for a mock that runs.
    accepts: the security schemes that work at this base, in the order of preference.
    """

    name: str
    spec: str
    vendor: str
    base: str
    schemes: Callable[[Vendor[Any]], Mapping[str, Scheme]]
    accepts: tuple[str, ...] = ("BearerAuth", "BasicAuth")

    def wrong(self, vendor: Vendor[Any]) -> Iterator[Mapping[str, str]]:
        """Headers with credentials a hair away from good ones."""
        schemes = self.schemes(vendor)
        yield {}
        for name, scheme in schemes.items():
            if token := scheme.get("bearer"):
                for odd in (
                    f"Bearer {token}x",
                    f"Bearer {token[:-1]}",
                    f"Bearer {token.swapcase()}",
                    f"Bearer x{token}",
                ):
                    yield {"Authorization": odd}
                for odd in ("", "Bearer", token, f"Basic {token}", f"Token {token}", "Bearer undefined"):
                    yield {"Authorization": odd}
            elif "username" in scheme:
                user, password = scheme["username"], scheme["password"]
                for pair in (
                    f"{user}:{password}x",
                    f"{user}:",
                    f":{password}",
                    f"x{user}:{password}",
                    user,
                    "other:other",
                ):
                    yield {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
                yield {"Authorization": f"Bearer {password}"}
            elif name != "WSSE":
                key, header = scheme["api_key"], specs.load(self.spec)["components"]["securitySchemes"][name]["name"]
                for odd in (f"{key}x", key[:-1], f"x{key}", key.swapcase(), ""):
                    yield {header: odd}
            else:
                user, secret = vendor.environment["EMARSYS_USERNAME"], vendor.environment["EMARSYS_SECRET"]
                for odd in (wsse(user, f"{secret}x"), wsse(f"x{user}", secret), wsse(user, secret, age=400), "x", ""):
                    yield {"X-WSSE": odd}

    @property
    def operations(self) -> set[str]:
        """The operationIds of the spec."""
        return {each["operationId"] for each in _operations(specs.load(self.spec))}

    @property
    def has_links(self) -> bool:
        """Whether one operation feeds another."""
        replies = [reply for each in _operations(specs.load(self.spec)) for reply in each["responses"].values()]
        return any("links" in reply for reply in replies)

    def document(self, *, strict: bool = True) -> Document:
        """The spec as one server has it, which is all that Schemathesis knows, and with what the mock promises.

        Paths begin with the base. A scheme of OAuth2 is said as the Bearer header that it comes to, since the check of
        ignored credentials does not see that they are the same.
        """
        document = copy.deepcopy(specs.load(self.spec))
        for name, scheme in document["components"]["securitySchemes"].items():
            if scheme["type"] == "oauth2":
                document["components"]["securitySchemes"][name] = {"type": "http", "scheme": "bearer"}
        paths = {}
        for path, item in document["paths"].items():
            operations = _operations({"paths": {path: item}})
            for operation in operations:
                operation["security"] = [each for each in operation["security"] if set(each) <= set(self.accepts)]
            own = any(operation.pop("servers", None) for operation in operations)
            paths[path if own else self.base + path] = item
        document = {**document, "paths": paths, "servers": [{"url": "/"}]}
        return promised(document, PROMISES.get(self.spec, {})) if strict else document


@attrs.frozen
class Running:
    """A mock that answers: where, whose state, and in-process the application itself."""

    url: str
    vendor: Vendor[Any]
    application: Any = None


@contextmanager
def running(target: Target, *, http: bool, switches: Mapping[str, Any] | None = None) -> Iterator[Running]:
    """The target's mock with a fresh state: on a port of its own, or without a server."""
    faults = {target.vendor: dict(switches or {})}
    if http:
        with serve(specs=[target.spec], faults=faults) as server:
            yield Running(server.url, server.vendors[target.vendor])
    else:
        yield in_process(target, build(specs=[target.spec], faults=faults))


def _operations(document: Document) -> list[Document]:
    items = document["paths"].values()
    return [each for item in items for name, each in item.items() if name != "parameters"]


def in_process(target: Target, built: Built, application: Any = None) -> Running:
    """What was built, as it is or with something around it."""
    return Running(IN_PROCESS, built.vendors[target.vendor], application or built.application)


def _bearer(vendor: Vendor[Any]) -> str:
    assert vendor.client
    return vendor.tokens.issue(vendor.environment[vendor.client[0]])


def _basic(vendor: Vendor[Any]) -> Scheme:
    assert vendor.client
    user, password = (vendor.environment[name] for name in vendor.client)
    return {"username": user, "password": password}


def wsse(username: str, secret: str, age: int = 0) -> str:
    """A WSSE header made so many seconds ago; it is good for five minutes."""
    created = (datetime.now(UTC) - timedelta(seconds=age)).isoformat(timespec="seconds")
    nonce = "0123456789abcdef"
    digest = base64.b64encode(hashlib.sha1(f"{nonce}{created}{secret}".encode()).hexdigest().encode()).decode()
    return f'UsernameToken Username="{username}", PasswordDigest="{digest}", Nonce="{nonce}", Created="{created}"'


def _sinch(vendor: Vendor[Any]) -> Mapping[str, Scheme]:
    return {"BearerAuth": {"bearer": _bearer(vendor)}, "BasicAuth": _basic(vendor)}


def _emarsys_v3(vendor: Vendor[Any]) -> Mapping[str, Scheme]:
    return {"OAuth2": {"bearer": _bearer(vendor)}, "BasicAuth": _basic(vendor)}


def _emarsys_v2(vendor: Vendor[Any]) -> Mapping[str, Scheme]:
    header = wsse(vendor.environment["EMARSYS_USERNAME"], vendor.environment["EMARSYS_SECRET"])
    return {"WSSE": {"api_key": header}, "BasicAuth": _basic(vendor)}


def _pabbly(vendor: Vendor[Any]) -> Mapping[str, Scheme]:
    return {"BearerAuth": {"bearer": vendor.environment["PABBLY_API_KEY"]}}


def _with_one_key(spec: str, vendor: type[Vendor[Any]]) -> Target:
    """A spec of which nothing else is to be said: one server, and one credential that opens every scheme."""
    document = specs.load(spec)
    schemes = document["components"]["securitySchemes"]

    def opened(vendor: Vendor[Any]) -> Mapping[str, Scheme]:
        (key,) = vendor.environment.values()
        return {name: {"bearer" if scheme["type"] == "http" else "api_key": key} for name, scheme in schemes.items()}

    base = urlsplit(document["servers"][0]["url"]).path.rstrip("/")
    return Target(spec, spec, vendor.name, base, opened, tuple(schemes))


TARGETS = {
    target.name: target
    for target in (
        Target("sinch_batch", "sinch_batch", "sinch", "", _sinch),
        Target("sinch_conversation", "sinch_conversation", "sinch", "", _sinch),
        Target("emarsys", "emarsys", "emarsys", "/api/v3", _emarsys_v3, ("OAuth2", "BasicAuth")),
        Target("emarsys_v2", "emarsys", "emarsys", "/api/v2", _emarsys_v2, ("WSSE", "BasicAuth")),
        Target("pabbly_chatflow", "pabbly_chatflow", "pabbly", "/api/v1", _pabbly),
    )
}
TARGETS |= {
    spec: _with_one_key(spec, vendor)
    for vendor in map(vendor_type, vendor_names())
    for spec in vendor.specs
    if isinstance(spec, str) and spec not in {target.spec for target in TARGETS.values()}
}
