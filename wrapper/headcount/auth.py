"""The vendors' ways to authorize a call: a fixed key, WSSE, and OAuth2 client credentials."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from datetime import UTC, datetime
from typing import Any, NoReturn

import attrs

from headcount.core.exchange import Failure, Reply, Request
from headcount.core.pace import http_date, wait_asked
from headcount.core.text import is_utf8
from headcount.errors import CredentialsError, EndpointError, UsageError
from headcount.outcome import Kind
from headcount.transport import Authorization, Exchange, check_endpoint

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_HEADER_TOKEN = re.compile(r"[\x21-\x7e]+")
_ERROR_CODES = frozenset(
    "invalid_request invalid_client invalid_grant unauthorized_client unsupported_grant_type invalid_scope "
    "access_denied server_error temporarily_unavailable".split()
)
"""The codes that are told, RFC 6749 sections 4.1.2.1 and 5.2: any other could be what we have sent."""
_NO_CLOCK_SHOWS = datetime(2200, 1, 1, tzinfo=UTC).timestamp()
"""From this moment on a date is no clock's."""


class Secret:
    """A text that shows itself only when asked: `reveal()`. Never empty, no control characters."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        """Raises UsageError for an empty text or one with a control character (often a line break)."""
        problem = _problem_of_secret(text)
        if problem is not None:
            del text  # what shows the locals of a traceback is not to show it
            raise UsageError(problem)
        self._text = text

    def reveal(self) -> str:
        """The text itself."""
        return self._text

    def __repr__(self) -> str:
        return "***"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not to be pickled or copied")


def _problem_of_secret(text: str) -> str | None:
    if not text:
        return "a secret is empty"
    if not is_utf8(text):
        return "a secret holds bytes that are not UTF-8"
    if _CONTROL.search(text):
        return "a secret holds a control character, perhaps a line break at its end"
    return None


class HeaderKey:
    """A fixed key in a header, as `X-Api-Key: KEY`."""

    def __init__(self, header: str, key: Secret, *, scheme: str = "") -> None:
        """`scheme` goes before the key, with a blank. Raises UsageError for a key that no header can carry."""
        if not _HEADER_TOKEN.fullmatch(key.reveal()):
            raise UsageError("the API key holds a blank or a character outside ASCII")
        self._header = header
        self._before = f"{scheme} " if scheme else ""
        self._key = key

    def authorize(self, exchange: Exchange, timeout: float) -> Authorization:
        """The same header for every call."""
        key = self._key.reveal()
        return Authorization({self._header: f"{self._before}{key}"}, secrets=(key,))

    def review(self, reply: Reply, authorization: Authorization) -> Reply:
        """A refused key stays refused."""
        return reply


class BearerKey(HeaderKey):
    """A fixed key, sent as `Authorization: Bearer KEY` (Pabbly Chatflow)."""

    def __init__(self, key: Secret) -> None:
        """Raises UsageError for a key that no header can carry."""
        super().__init__("Authorization", key, scheme="Bearer")


def wsse_header(username: str, secret: Secret, nonce: str, created: str) -> str:
    """The X-WSSE value of Emarsys API v2. The digest is base64 of the SHA-1's lower-case hex text, 56
    characters, where the WSSE standard has the raw bytes."""
    sha1 = hashlib.sha1(f"{nonce}{created}{secret.reveal()}".encode(), usedforsecurity=False).hexdigest()
    digest = base64.b64encode(sha1.encode("ascii")).decode("ascii")
    parts = f'Username="{username}", PasswordDigest="{digest}", Nonce="{nonce}", Created="{created}"'
    return f"UsernameToken {parts}"


def _nonce() -> str:
    return secrets.token_hex(16)


class Wsse:
    """X-WSSE (Emarsys API v2), made anew for every call.

    The vendor refuses a time of creation more than 5 minutes off its own clock. On a 401 whose Date says
    that it was, the difference is added from then on and the 401 is renewable, once.
    """

    WINDOW_SECONDS = 240.0
    """Differences above this are taken for the cause of a 401; below the 300 s, for calls take time."""

    def __init__(
        self,
        username: str,
        secret: Secret,
        *,
        wall_clock: Callable[[], float] = time.time,
        nonce: Callable[[], str] = _nonce,
    ) -> None:
        """`wall_clock` gives seconds since 1970. Raises UsageError for a name that no header can carry."""
        if not _HEADER_TOKEN.fullmatch(username) or '"' in username or "\\" in username:
            raise UsageError("the API user name is empty or holds a character that the header cannot carry")
        self._username = username
        self._secret = secret
        self._wall_clock = wall_clock
        self._nonce = nonce
        self._offset = 0.0

    def authorize(self, exchange: Exchange, timeout: float) -> Authorization:
        """A header with the time of now, corrected by what the vendor's clock was found to differ."""
        offset = self._offset
        moment = self._wall_clock() + offset
        created = datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        header = wsse_header(self._username, self._secret, self._nonce(), created)
        return Authorization({"X-WSSE": header}, basis=offset, secrets=(self._secret.reveal(),))

    def review(self, reply: Reply, authorization: Authorization) -> Reply:
        """Marks a 401 as renewable if it was the first clock's fault."""
        if reply.status != 401:
            return reply
        offset = authorization.basis
        if offset:
            return attrs.evolve(reply, hint=_clock_hint(self._offset))
        moment = http_date(reply.headers.get("date"))
        if moment is None or not 0 < moment < _NO_CLOCK_SHOWS:
            return reply
        difference = moment - self._wall_clock()
        if abs(difference) <= self.WINDOW_SECONDS:
            return reply
        self._offset = difference
        return attrs.evolve(reply, renewable=True, hint=_clock_hint(difference))


def _clock_hint(offset: float) -> str:
    return f"this machine's clock is {abs(offset):.0f} s {'behind' if offset > 0 else 'ahead of'} the vendor's"


@attrs.define(eq=False)
class _Token:
    text: str = attrs.field(repr=False)
    good_until: float
    """Of the monotonic clock."""
    trusted: bool
    """A 401 may mean that it has aged. Not so for one that came in a refused one's place and never worked."""


class ClientCredentials:
    """OAuth2 client credentials (Sinch, Emarsys API v3): RFC 6749 section 4.4, HTTP Basic.

    One token serves all callers: it is fetched once however many ask at the same time, used until shortly
    before it runs out, and fetched again after a 401.
    """

    LIFETIME_SECONDS = 3600.0
    """Taken where the reply names none, or nonsense (RFC 6749: `expires_in` is recommended)."""
    MARGIN_SECONDS = 60.0
    """A token is not used in its last minute, or in its last tenth if that is shorter."""

    def __init__(
        self,
        token_url: str,
        client_id: str,
        client_secret: Secret,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Raises UsageError for an address or a client id that cannot be used."""
        check_endpoint(token_url)
        if not client_id.strip() or ":" in client_id or _CONTROL.search(client_id) or not is_utf8(client_id):
            raise UsageError("the client id is empty, or holds a colon, a control character or what is not UTF-8")
        self._token_url = token_url
        self._client_id = client_id
        self._client_secret = client_secret
        self._clock = clock
        self._lock = threading.Lock()
        self._token: _Token | None = None
        self._fetch: Future[_Token | Failure] | None = None
        self._refused = False
        self._put_off: tuple[Failure, float] | None = None

    def authorize(self, exchange: Exchange, timeout: float) -> Authorization | Failure:
        """The token at hand, or the one that the first caller fetches for all who ask meanwhile.

        While the token server has asked to wait, all get its answer again.
        """
        with self._lock:
            if self._token and self._clock() < self._token.good_until:
                return self._bearer(self._token)
            if self._put_off and self._clock() < self._put_off[1]:
                return self._put_off[0]
            fetch, mine = self._fetch, Future[_Token | Failure]()
            if fetch is None:
                self._fetch = mine
        if fetch is None:
            answer = self._fetch_for_all(mine, exchange, timeout)
        else:
            try:
                answer = fetch.result(timeout)
            except TimeoutError:
                return Failure(Kind.UNAVAILABLE, False, "no token: the token server did not answer in time")
        return answer if isinstance(answer, Failure) else self._bearer(answer)

    def review(self, reply: Reply, authorization: Authorization) -> Reply:
        """On a 401 drops that token, unless a newer one has taken its place already."""
        token = authorization.basis
        assert isinstance(token, _Token)
        if reply.successful:
            token.trusted = True
        if reply.status != 401:
            return reply
        with self._lock:
            if self._token is token:
                self._token = None
                self._refused = True
        return attrs.evolve(reply, renewable=token.trusted)

    def _fetch_for_all(self, fetch: Future[_Token | Failure], exchange: Exchange, timeout: float) -> _Token | Failure:
        answer: _Token | Failure = Failure(Kind.UNAVAILABLE, False, "no token: the call was broken off")
        try:
            answer = self._ask(exchange, timeout)
        finally:
            with self._lock:
                self._fetch = None
                if isinstance(answer, _Token):
                    self._token = answer
                    self._refused = False
                else:
                    wait = wait_asked(answer.headers, throttled=True, wall_now=time.time())
                    self._put_off = None if wait is None else (answer, self._clock() + wait)
            fetch.set_result(answer)
        return answer

    def _bearer(self, token: _Token) -> Authorization:
        secrets = (token.text, self._client_secret.reveal())
        return Authorization({"Authorization": f"Bearer {token.text}"}, basis=token, secrets=secrets)

    def _ask(self, exchange: Exchange, timeout: float) -> _Token | Failure:
        asked_at = self._clock()
        reply = exchange(self._token_request(), timeout)
        if isinstance(reply, Failure):
            return attrs.evolve(reply, kind=Kind.UNAVAILABLE, handed_over=False, detail=f"no token: {reply.detail}")
        if not reply.successful:
            return self._refusal(reply)
        members = _members(reply.body) if reply.handed_over else {}
        text = members.get("access_token")
        if not isinstance(text, str) or not _HEADER_TOKEN.fullmatch(text):
            text = "no token: the token server's reply is unreadable"
            return Failure(Kind.UNAVAILABLE, False, text, headers=reply.headers)
        lifetime = _lifetime(members.get("expires_in"), self.LIFETIME_SECONDS)
        good_until = asked_at + lifetime - min(self.MARGIN_SECONDS, lifetime / 10)
        return _Token(text, good_until, trusted=not self._refused)

    def _token_request(self) -> Request:
        pair = f"{self._client_id}:{self._client_secret.reveal()}".encode()
        headers = {
            "Authorization": f"Basic {base64.b64encode(pair).decode('ascii')}",
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept": "application/json",
        }
        return Request("POST", self._token_url, headers, b"grant_type=client_credentials")

    def _refusal(self, reply: Reply) -> Failure:
        """What a token server's status outside 2xx means; nothing of the call itself has left."""
        code = _members(reply.body).get("error")
        named = isinstance(code, str) and code in _ERROR_CODES
        answer = f"the token server answered {reply.status}" + (f" ({code})" if named else "")
        status = reply.status
        if status in (400, 401, 403):
            error = CredentialsError(f"no token for these credentials: {answer}")
            return Failure(Kind.FORBIDDEN, False, answer, error, reply.headers)
        if status == 429:
            return Failure(Kind.RATE_LIMITED, False, answer, headers=reply.headers)
        if status >= 500 or status in (408, 425):
            return Failure(Kind.UNAVAILABLE, False, answer, headers=reply.headers)
        wrong = EndpointError(f"the token address is not one: {answer}")
        return Failure(Kind.UNAVAILABLE, False, answer, wrong, reply.headers)


def _members(body: bytes) -> Mapping[str, Any]:
    """The members of a JSON object, none if the body is anything else."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _lifetime(value: object, default: float) -> float:
    """Seconds, from a number or a numeric text; `default` for anything else, a day at most."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return default
    try:
        seconds = float(value)
    except (ValueError, OverflowError):
        return default
    return min(seconds, 86400.0) if math.isfinite(seconds) and seconds > 0 else default
