"""Sends one request and says what came of it: a reply, or a failure that knows if the body was handed over.

No redirects, cookies, decompression, environment proxies or resending: what one call did on the wire is what
its answer tells, and every decision is the caller's.
"""

from __future__ import annotations

import contextlib
import html
import ipaddress
import json
import logging
import re
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib.metadata import version
from typing import Protocol
from urllib.parse import quote

import attrs
import httpcore
import httpx

from headcount.core.exchange import Failure, Reply, Request
from headcount.deadline import Deadline, DeadlineBackend, Gate, NotLetThrough, TlsRefused
from headcount.errors import CredentialsError, EndpointError, UsageError
from headcount.outcome import Kind

MAX_REPLY_BYTES = 64 * 1024 * 1024
_KEEPALIVE_SECONDS = 4.0
"""How long an idle connection is used again: below the 5 s after which common servers close theirs, since
a request that meets the close cannot be told from one that was read."""
_USER_AGENT = f"headcount/{version('headcount')}"
_SHORTEST_SECRET = 8
"""Characters; a shorter one could be a word of the vendor's."""
_ESCAPES: Sequence[Callable[[str], str]] = (
    str,
    quote,
    lambda text: quote(text, safe=""),
    html.escape,
    lambda text: json.dumps(text)[1:-1],
    lambda text: json.dumps(text)[1:-1].replace("/", "\\/"),
)
"""How a secret may be written in a reply, once or twice."""
_HOST_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*\.?")


class Transport(Protocol):
    """Carries requests; safe to use from several threads."""

    def send(self, request: Request, timeout: float, gate: Gate | None = None) -> Reply | Failure:
        """One request and its answer, within `timeout` seconds; its first byte leaves when `gate` lets it.

        Raises nothing for what the network does.
        """
        ...

    def close(self) -> None:
        """Ends calls under way and closes the connections; later calls fail, not handed over."""
        ...


Exchange = Callable[[Request, float], Reply | Failure]
"""Carries a request as it is, within that many seconds."""


@attrs.frozen
class Authorization:
    """The headers that authorize one call, and what the Auth that made them wants to know of it again."""

    headers: Mapping[str, str] = attrs.field(repr=False)
    basis: object = attrs.field(default=None, repr=False)
    secrets: Sequence[str] = attrs.field(default=(), repr=False)
    """What no reply is to show, should the vendor quote it."""


class Auth(Protocol):
    """Authorizes calls. One instance serves all workers."""

    def authorize(self, exchange: Exchange, timeout: float) -> Authorization | Failure:
        """The authorization of the next call. `exchange` asks a token server, within `timeout` seconds."""
        ...

    def review(self, reply: Reply, authorization: Authorization) -> Reply:
        """Learns from the reply to a call so authorized; a 401 comes back marked as renewable or not."""
        ...


def check_endpoint(url: str) -> None:
    """Raises UsageError unless `url` is an https address, or a plain http one of this machine.

    A user name, password, query or fragment in it is refused too. The text shows scheme and host only.
    """
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, UnicodeError, ValueError):
        raise UsageError("the endpoint is not a web address") from None
    host = parsed.raw_host.decode("ascii")
    if parsed.scheme not in ("http", "https") or not _is_host(host):
        raise UsageError("the endpoint is not a web address of the form https://host[:port]")
    shown = f"{parsed.scheme}://{host}"
    if parsed.userinfo or "?" in url or "#" in url:
        raise UsageError(f"the endpoint at {shown} may hold no user name, password, query or fragment")
    if parsed.port is not None and not 0 < parsed.port < 65536:
        raise UsageError(f"the endpoint at {shown} has no valid port")
    if parsed.scheme == "http" and not _is_loopback(host):
        raise UsageError(f"the endpoint at {shown} must use https: plain http is for this machine only")


def _is_host(host: str) -> bool:
    return ":" in host or _HOST_NAME.fullmatch(host) is not None


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class _Body:
    """The bytes of a request; knows when the kernel has taken them all."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.handed_over = False

    def __iter__(self) -> Iterator[bytes]:
        if self._data:
            yield self._data
        # httpcore asks for the next piece only after the last one is written.
        self.handed_over = True


class _Discretion(logging.Filter):
    """Drops what httpcore logs of our exchanges at DEBUG: reply headers, and replies that are not HTTP."""

    def __init__(self) -> None:
        super().__init__()
        self._local = threading.local()
        for name in ("httpcore.connection", "httpcore.http11"):
            logging.getLogger(name).addFilter(self)

    def filter(self, record: logging.LogRecord) -> bool:
        return not getattr(self._local, "active", False)

    def __enter__(self) -> None:
        self._local.active = True

    def __exit__(self, *_: object) -> None:
        self._local.active = False


_DISCREETLY = _Discretion()


class _Line:
    """The connections of one worker thread: at most one to each server."""

    def __init__(self, tls: ssl.SSLContext) -> None:
        self.lock = threading.Lock()
        self.thread = threading.current_thread()
        self.backend = DeadlineBackend()
        self.pool = httpcore.ConnectionPool(
            ssl_context=tls, keepalive_expiry=_KEEPALIVE_SECONDS, network_backend=self.backend
        )

    def close_unclean(self, headers: Mapping[str, str]) -> None:
        """Closes what a reply with these headers has left unclean: the rest would be taken for the next reply."""
        # RFC 9112 section 6.3: two lengths are one too many, and whoever believed the other one reads on elsewhere.
        two_lengths = "transfer-encoding" in headers and "content-length" in headers
        for connection in self.pool.connections:
            if connection.is_idle() and (two_lengths or _has_unread(connection)):
                connection.close()


def _has_unread(connection: httpcore.ConnectionInterface) -> bool:
    """Whether bytes have come after the reply. httpcore has no word for it, so that this asks its parser."""
    parser = getattr(getattr(connection, "_connection", None), "_h11_state", None)
    return parser is None or parser.trailing_data[0] != b""


class HttpTransport:
    """HTTP/1.1 over TLS, one kept-alive connection per calling thread and server.

    `auth` authorizes every call. `max_reply_bytes` caps what is read of a reply. `tls` replaces the default
    context (certifi's authorities, or those that SSL_CERT_FILE or SSL_CERT_DIR name); it must verify.

    Of the environment nothing else counts: no proxy that it names (HTTPS_PROXY and the like) is used, and no key
    of a connection is written to the file that SSLKEYLOGFILE names.
    """

    def __init__(
        self, auth: Auth, *, max_reply_bytes: int = MAX_REPLY_BYTES, tls: ssl.SSLContext | None = None
    ) -> None:
        """Raises UsageError for a context that does not verify, or authorities that cannot be read."""
        self._tls = tls or _default_tls()
        if self._tls.verify_mode is not ssl.CERT_REQUIRED or not self._tls.check_hostname:
            raise UsageError("the TLS context must verify certificates and host names")
        self._auth = auth
        self._max_reply_bytes = max_reply_bytes
        self._local = threading.local()
        self._lines: list[_Line] = []
        self._lock = threading.Lock()
        self._closed = False

    def send(self, request: Request, timeout: float, gate: Gate | None = None) -> Reply | Failure:
        """Sends `request`, authorized, and reads its reply, within `timeout` seconds in all.

        `gate` is asked when there is a connection and a token, so that nothing lies between its word and the first
        byte. What it answers for a call that may not leave is the answer.

        A failure is `handed_over` when the kernel took the last byte of the body, or a 2xx reply had begun.
        A reply outside 2xx whose body cannot be read whole comes with an empty body.

        A token that has to be fetched first may take half of them, so that the call is not sent with too
        little time for its answer. Never raises for what the network or a server does.
        """
        whole = Deadline(timeout)
        line = self._line()
        with line.lock, _DISCREETLY:
            if self._closed:
                return Failure(Kind.STOPPED, False, "the transport is closed")
            try:
                authorization = self._auth.authorize(
                    lambda token_request, seconds: self._exchange(line, token_request, {}, Deadline(seconds)),
                    timeout / 2,
                )
            except Exception as error:  # noqa: BLE001 nothing has left yet, whatever went wrong
                text = f"the call could not be authorized ({type(error).__name__})"
                return Failure(Kind.FORBIDDEN, False, text, CredentialsError(text))
            if isinstance(authorization, Failure):
                return authorization
            answer = self._exchange(line, request, authorization.headers, whole, gate)
        if isinstance(answer, Failure):
            return answer
        return self._auth.review(_without(answer, authorization.secrets), authorization)

    def close(self) -> None:
        """Ends calls under way (as lost) and closes the connections; later calls fail, not handed over."""
        with self._lock:
            self._closed = True
            lines, self._lines = self._lines, []
        for line in lines:
            line.backend.abort()
        for line in lines:
            # A socket is closed by the thread that uses it, or when none does. Only a look-up or a
            # connection attempt can outlast the abort, and those have nothing to close here.
            if line.lock.acquire(timeout=0.5):
                line.pool.close()
                line.lock.release()

    def _line(self) -> _Line:
        line: _Line | None = getattr(self._local, "line", None)
        if line is None:
            line = self._local.line = _Line(self._tls)
            with self._lock:
                ended = [each for each in self._lines if not each.thread.is_alive()]
                self._lines = [each for each in self._lines if each not in ended] + [line]
            # Whoever calls from a new thread each time would come to as many open connections.
            for each in ended:
                each.pool.close()
        return line

    def _exchange(
        self,
        line: _Line,
        request: Request,
        authorization: Mapping[str, str],
        deadline: Deadline,
        gate: Gate | None = None,
    ) -> Reply | Failure:
        line.backend.begin(deadline, gate)
        body = _Body(request.body)
        try:
            response = line.pool.handle_request(_on_the_wire(request, authorization, body))
        except Exception as error:  # noqa: BLE001 whatever went wrong, the answer is a Failure
            return _failure(error, line, body.handed_over)
        headers = _header_map(response.headers)
        content: bytes | Failure
        try:
            with contextlib.closing(response):
                content = self._content(response, headers)
        except Exception as error:  # noqa: BLE001 as above
            content = _failure(error, line, handed_over=True)
        line.close_unclean(headers)
        if isinstance(content, Failure):
            # Outside 2xx the status alone says what became of the request.
            if 200 <= response.status < 300:
                return content
            content = b""
        return Reply(response.status, headers, content, handed_over=body.handed_over)

    def _content(self, response: httpcore.Response, headers: Mapping[str, str]) -> bytes | Failure:
        coding = headers.get("content-encoding", "identity").strip().lower()
        if coding not in ("", "identity"):
            return Failure(Kind.UNREADABLE_REPLY, True, "the reply is compressed, which was not asked for")
        pieces: list[bytes] = []
        room = self._max_reply_bytes
        assert isinstance(response.stream, Iterable)
        for piece in response.stream:
            pieces.append(piece)
            room -= len(piece)
            if room < 0:
                text = f"the reply is longer than {self._max_reply_bytes} bytes"
                return Failure(Kind.UNREADABLE_REPLY, True, text)
        return b"".join(pieces)


def _default_tls() -> ssl.SSLContext:
    try:
        context = httpx.create_ssl_context()
    except OSError as error:
        raise UsageError(f"the certificate authorities cannot be read: {error.strerror}") from None
    # SSLKEYLOGFILE would let whoever has that file read the contacts off the wire. typeshed knows of no None here.
    context.keylog_filename = None  # type: ignore[assignment]
    return context


def _without(reply: Reply, secrets: Iterable[str]) -> Reply:
    """The reply with `***` for each secret in it, in upper or lower case, plain or with what needs it escaped."""
    body = reply.body
    lowered = body.lower()
    for secret in secrets:
        if len(secret) < _SHORTEST_SECRET or _longest_run(secret) not in lowered:
            continue
        for form in {outer(inner(secret)).encode() for inner in _ESCAPES for outer in _ESCAPES}:
            if form.lower() in lowered:
                body = re.sub(re.escape(form), b"***", body, flags=re.IGNORECASE)
    return reply if body is reply.body else attrs.evolve(reply, body=body)


def _longest_run(secret: str) -> bytes:
    """The longest piece of a secret that no escaping changes, in lower case."""
    pieces: list[str] = re.findall(r"[a-z0-9]*", secret.lower())
    return max(pieces, key=len).encode()


def _on_the_wire(request: Request, authorization: Mapping[str, str], body: _Body) -> httpcore.Request:
    url = httpx.URL(request.url)
    headers = {
        "Host": url.netloc.decode("ascii"),
        "Accept-Encoding": "identity",
        "User-Agent": _USER_AGENT,
        **request.headers,
        **authorization,
    }
    if request.body or request.method in ("POST", "PUT", "PATCH"):
        headers["Content-Length"] = str(len(request.body))
    target = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
    return httpcore.Request(request.method, target, headers=list(headers.items()), content=body)


def _header_map(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for raw_name, raw_value in raw:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def _failure(error: Exception, line: _Line, handed_over: bool) -> Failure:
    """Says what an exception of httpcore means. Protocol errors quote the reply: their text is not used."""
    match error:
        case NotLetThrough():
            return error.failure
        case TlsRefused():
            text = f"no secure connection to {error}"
            return Failure(Kind.UNAVAILABLE, False, text, EndpointError(text))
        case httpcore.ConnectTimeout():
            return Failure(Kind.TIMEOUT, False, f"no connection to {error} in time")
        case httpcore.ConnectError():
            return Failure(Kind.UNAVAILABLE, False, f"no connection to {error}")
        case httpcore.WriteTimeout():
            return Failure(Kind.TIMEOUT, handed_over, "the server did not take the request in time")
        case httpcore.TimeoutException():
            return Failure(Kind.TIMEOUT, handed_over, "no whole reply in time")
        case httpcore.RemoteProtocolError() if not line.backend.ended:
            return Failure(Kind.UNREADABLE_REPLY, handed_over, "the reply is not HTTP")
        case httpcore.RemoteProtocolError() | httpcore.NetworkError():
            return Failure(Kind.CONNECTION_LOST, handed_over, "the connection was lost before a whole reply")
        case _:
            return Failure(Kind.CONNECTION_LOST, handed_over, f"the call failed: {type(error).__name__}")
