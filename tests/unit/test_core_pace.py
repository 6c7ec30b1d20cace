"""When a call may start: the rate, the gate, the probes, and what a reply asks to wait."""

from __future__ import annotations

import math
import time
from itertools import pairwise

import pytest

from headcount.core.pace import Pace, http_date, wait_asked

DATE = "Sun, 06 Nov 1994 08:49:37 GMT"
DATE_SECONDS = 784111777


def starts(pace: Pace, seconds: float, *, late: float = 0.0, begin: float = 0.0) -> list[float]:
    """When calls start, if each is answered at once and the loop wakes late by so much."""
    moments, now = [], begin
    while now < begin + seconds:
        moment = pace.may_start_at()
        if moment <= now:
            pace.started(now)
            pace.answered(now, well=True)
            moments.append(now)
        else:
            now = moment + late
    return moments


# Requests a second


def test_the_rate_is_exact_over_time() -> None:
    moments = starts(Pace(8, 10.0), 99.95)
    assert len(moments) == 1000
    assert all(later - earlier == pytest.approx(0.1) for earlier, later in pairwise(moments))


def test_waking_late_loses_no_rate() -> None:
    assert len(starts(Pace(8, 10.0), 100.0, late=0.03)) == pytest.approx(1000, abs=1)


def test_no_burst_follows_a_pause() -> None:
    pace = Pace(8, 10.0)
    starts(pace, 1.0)
    moments = starts(pace, 1.0, begin=60.0)
    assert len(moments) == 10
    assert moments[1] - moments[0] == pytest.approx(0.1)


def test_no_burst_at_the_beginning() -> None:
    moments = starts(Pace(8, 1000 / 60), 59.99)
    assert len(moments) == 1000


def test_without_a_rate_only_concurrency_limits() -> None:
    pace = Pace(3, None)
    for _ in range(3):
        assert pace.may_start_at() <= 0
        pace.started(0.0)
    assert pace.may_start_at() == math.inf
    assert pace.in_flight == 3
    pace.answered(0.0, well=True)
    assert pace.may_start_at() <= 0


# The gate


def test_a_hold_is_kept_and_never_shortened() -> None:
    pace = Pace(4, None)
    pace.hold(7.0)
    pace.hold(3.0)
    assert pace.may_start_at() == 7.0


def test_after_trouble_one_probe_at_a_time_after_longer_and_longer_holds() -> None:
    pace, now, holds = Pace(8, None), 100.0, []
    pace.started(now)
    pace.answered(now, well=False)
    for _ in range(8):
        pace.trouble(now)
        holds.append(pace.may_start_at() - now)
        now = pace.may_start_at()
        assert pace.probing
        pace.started(now)
        assert pace.may_start_at() == math.inf
        pace.answered(now, well=False)
    assert holds == [1, 2, 4, 8, 16, 30, 30, 30]
    assert pace.troubled_since == 100.0


def test_calls_that_fail_together_are_one_trouble() -> None:
    pace = Pace(8, None)
    for _ in range(5):
        pace.trouble(10.0)
    assert pace.may_start_at() == 11.0


def test_one_good_answer_ends_the_trouble() -> None:
    pace = Pace(8, None)
    pace.trouble(0.0)
    pace.trouble(1.0)
    pace.started(3.0)
    pace.answered(3.0, well=True)
    assert (pace.probing, pace.troubled_since, pace.concurrency) == (False, None, 8)
    pace.trouble(50.0)
    assert pace.may_start_at() == 51.0


def test_a_good_answer_to_an_earlier_call_does_not_end_the_trouble() -> None:
    pace = Pace(8, None)
    pace.started(0.0)
    pace.started(0.0)
    pace.answered(0.0, well=False)
    pace.trouble(5.0)
    pace.answered(0.0, well=True)
    assert (pace.probing, pace.troubled_since, pace.concurrency) == (True, 5.0, 1)
    assert pace.may_start_at() == 6.0


def test_throttling_makes_fewer_calls_at_a_time_and_good_answers_more() -> None:
    pace = Pace(10, None)
    pace.throttled(0.0)
    assert pace.concurrency == 7
    pace.throttled(0.0)
    assert pace.concurrency == 4
    for _ in range(20):
        pace.throttled(0.0)
    assert pace.concurrency == 1
    grown = []
    for _ in range(100):
        pace.started(1.0)
        pace.answered(1.0, well=True)
        grown.append(pace.concurrency)
    assert grown == sorted(grown)
    assert grown[0] == 2
    assert grown[-1] == 10


# What a reply asks to wait


@pytest.mark.parametrize(
    ("headers", "throttled", "wait"),
    [
        ({}, True, None),
        ({"retry-after": "2"}, True, 2.0),
        ({"retry-after": " 2 "}, True, 2.0),
        ({"retry-after": "1.5"}, True, 1.5),
        ({"retry-after": "0"}, True, 0.0),
        ({"retry-after": "86400"}, True, 86400.0),
        ({"retry-after": "2"}, False, 2.0),
        ({"retry-after": "-5"}, True, None),
        ({"retry-after": "abc"}, True, None),
        ({"retry-after": "NaN"}, True, None),
        ({"retry-after": "inf"}, True, None),
        ({"retry-after": "1e9"}, True, None),
        ({"retry-after": ""}, True, None),
        ({"retry-after": "9" * 400}, True, None),
        ({"retry-after": "٣"}, True, None),
        ({"retry-after": "Sun, 06 Nov 1994 08:49:47 GMT", "date": DATE}, True, 10.0),
        ({"retry-after": "Sun, 06 Nov 1994 08:49:00 GMT", "date": DATE}, True, 0.0),
        ({"retry-after": "Sun, 06 Nov 1994 08:49:47 GMT"}, True, 47.0),
        ({"retry-after": "Sun, 99 Nov 1994 08:49:47 GMT", "date": DATE}, True, None),
        ({"retry-after": "Sun, 06 Nov 1994 08:49:47 GMT", "date": "yesterday"}, True, 47.0),
        ({"x-ratelimit-reset": str(DATE_SECONDS + 9), "date": DATE}, True, 9.0),
        ({"x-ratelimit-reset": str(DATE_SECONDS - 9), "date": DATE}, True, 0.0),
        ({"x-ratelimit-reset": str(DATE_SECONDS + 9), "date": DATE}, False, None),
        ({"x-ratelimit-reset": str(DATE_SECONDS + 9), "x-ratelimit-remaining": "0", "date": DATE}, False, 9.0),
        ({"x-ratelimit-reset": str(DATE_SECONDS + 9), "x-ratelimit-remaining": "1", "date": DATE}, False, None),
        ({"x-ratelimit-reset": "soon", "date": DATE}, True, None),
        ({"retry-after": "2", "x-ratelimit-reset": str(DATE_SECONDS + 9), "date": DATE}, True, 9.0),
        ({"retry-after": "20", "x-ratelimit-reset": str(DATE_SECONDS + 9), "date": DATE}, True, 20.0),
    ],
)
def test_what_a_reply_asks_to_wait(headers: dict[str, str], throttled: bool, wait: float | None) -> None:
    # This machine's clock is 37 seconds behind the vendor's.
    assert wait_asked(headers, throttled=throttled, wall_now=DATE_SECONDS - 37) == wait


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        (DATE, DATE_SECONDS),
        ("Sun, 06 Nov 1994 08:49:37 -0000", DATE_SECONDS),
        ("Sunday, 06-Nov-94 08:49:37 GMT", DATE_SECONDS),
        ("Sun Nov  6 08:49:37 1994", DATE_SECONDS),
        ("Sun, 06 Nov 1994 09:49:37 +0100", DATE_SECONDS),
        ("yesterday", None),
        ("", None),
        (None, None),
    ],
)
def test_a_date_means_the_same_wherever_this_machine_is(
    text: str | None, moment: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        assert http_date(text) == moment
    finally:
        monkeypatch.undo()
        time.tzset()
