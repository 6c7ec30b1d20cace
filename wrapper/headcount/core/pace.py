"""When a call may start: one gate for a credential."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

LONGEST_WAIT = 300.0
"""Seconds. A vendor that asks for more ends the run."""

_HOLDS = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
_SHRINK = 0.7
_SECONDS = re.compile(r"[0-9]{1,300}(\.[0-9]{1,9})?")


class Slots:
    """The moments at which calls may start, so many a second."""

    def __init__(self, requests_per_second: float | None) -> None:
        self._interval = 1.0 / requests_per_second if requests_per_second else 0.0
        self.next = -math.inf

    def take(self, now: float) -> None:
        """Note that a call starts."""
        # The slots follow each other, not the moments at which somebody woke up, so that waking late does not
        # lose rate. After a pause they begin anew, so that no burst follows it.
        late = now - self.next
        self.next = (self.next if late < self._interval else now) + self._interval


class Pace:
    """Says when the next call may start: concurrency, requests a second, and the gate.

    The gate is open; or it holds until a moment, because the vendor said so or is in trouble; after trouble it
    lets one probe through at a time until one is answered. All times are seconds of one monotonic clock,
    passed in.
    """

    def __init__(self, concurrency: int, requests_per_second: float | None) -> None:
        self._most = concurrency
        self._limit = float(concurrency)
        self._slots = Slots(requests_per_second)
        self.held_until = -math.inf
        """No call may start before this moment; one that has started and not left is to wait for it too."""
        self._trouble = 0
        self._last_trouble = -math.inf
        self.troubled_since: float | None = None
        """When the vendor was first not well since it last was; None while it is."""
        self._in_flight = 0

    @property
    def in_flight(self) -> int:
        """Calls that have started and not ended."""
        return self._in_flight

    @property
    def concurrency(self) -> int:
        """How many calls may be in flight now."""
        return 1 if self._trouble else max(1, int(self._limit))

    @property
    def probing(self) -> bool:
        """The vendor is in trouble: the next call is to be a probe."""
        return self._trouble > 0

    def may_start_at(self) -> float:
        """The earliest moment for the next call; infinity while only a reply can make room for it."""
        if self._in_flight >= self.concurrency:
            return math.inf
        return max(self.held_until, self._slots.next)

    def started(self, now: float) -> None:
        """Note that a call starts."""
        self._in_flight += 1
        self._slots.take(now)

    def answered(self, started: float, *, well: bool) -> None:
        """Note that a call ended that had started at this moment; `well` when the vendor did its work.

        Trouble is over when a call is answered well that started after it: an earlier one may just have been in time.
        """
        self._in_flight -= 1
        if well:
            if started > self._last_trouble:
                self._trouble = 0
                self.troubled_since = None
            self._limit = min(float(self._most), self._limit + 1.0 / max(self._limit, 1.0))

    def throttled(self, now: float) -> None:
        """The vendor refused a call for now: fewer at a time."""
        if self.troubled_since is None:
            self.troubled_since = now
        self._limit = max(1.0, self._limit * _SHRINK)

    def hold(self, until: float) -> None:
        """No call starts before this moment."""
        self.held_until = max(self.held_until, until)

    def trouble(self, now: float) -> None:
        """The vendor gave an ambiguous or overloaded answer: hold, then probe."""
        if self.troubled_since is None:
            self.troubled_since = now
        if now < self.held_until and self._trouble:
            return
        hold = _HOLDS[min(self._trouble, len(_HOLDS) - 1)]
        self._trouble += 1
        self._last_trouble = now
        self.hold(now + hold)


def wait_asked(headers: Mapping[str, str], *, throttled: bool, wall_now: float) -> float | None:
    """The seconds that a reply asks to wait, or None when it does not ask.

    `Retry-After` holds seconds or an HTTP date; `X-RateLimit-Reset` (Unix seconds) counts on a 429, or when
    nothing remains. Moments are read against the reply's own `Date`, or `wall_now` without one. What makes no
    sense is no request to wait.
    """
    date = http_date(headers.get("date"))
    reference = wall_now if date is None else date
    waits = [_retry_after(headers.get("retry-after"), reference)]
    if throttled or headers.get("x-ratelimit-remaining", "").strip() == "0":
        reset = _number(headers.get("x-ratelimit-reset"))
        waits.append(None if reset is None else max(0.0, reset - reference))
    asked = [wait for wait in waits if wait is not None]
    return max(asked) if asked else None


def _retry_after(value: str | None, reference: float) -> float | None:
    if value is None:
        return None
    seconds = _number(value)
    if seconds is not None:
        return seconds
    moment = http_date(value)
    return None if moment is None else max(0.0, moment - reference)


def _number(value: str | None) -> float | None:
    return float(value) if value is not None and _SECONDS.fullmatch(value.strip()) else None


def http_date(value: str | None) -> float | None:
    """Seconds since 1970 of a header's date, which is UTC where it names no zone; None for what is no date."""
    if value is None:
        return None
    try:
        moment = parsedate_to_datetime(value)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
