"""Whatever JSON a vendor answers, a destination makes one sound judgement of it, without its safety net."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headcount import Status
from headcount.auth import BearerKey, Secret, Wsse
from headcount.core.answers import Judgement, Meaning
from headcount.core.batches import Batch
from headcount.core.exchange import Reply
from headcount.destinations import Emarsys, Pabbly, Sinch
from headcount.destinations.account import Account

KEYS = ["a@example.com", "b@example.com", "919800000001"]
WORDS = (
    "ids errors replyCode replyText data status success message error createdContacts failedContacts failedCount "
    "contacts mobile _id <NO_KEY_ID> 1 2004 2005 2008 2009 code details field_violations field description"
).split()
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["", "0", "error", "success", "2009", "already exists", *KEYS]) | st.text(max_size=5)
)  # fmt: skip
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(WORDS + KEYS), inner, max_size=5),
    max_leaves=12,
)
DATA = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(("ids", "errors", "createdContacts", "failedContacts", "failedCount", "contacts"), VALUES),
)
REPLIES = VALUES | st.fixed_dictionaries(
    {},
    optional={
        "replyCode": st.sampled_from([0, 2004, 2009]) | VALUES,
        "status": st.sampled_from(["success", "error"]) | VALUES,
        "success": VALUES,
        "data": DATA | VALUES,
        "error": VALUES,
    },
)
DESTINATIONS = [
    Emarsys(auth=Wsse("user", Secret("secret"))),
    Pabbly(auth=BearerKey(Secret("key"))),
    Sinch(auth=BearerKey(Secret("key")), project_id="p"),
]


def batch_of(keys: list[str]) -> Batch:
    payloads = [json.dumps({"3": key, "mobile": key, "tags": ["one", 2]}).encode() for key in keys]
    return Batch(list(range(len(keys))), list(keys), payloads)


def check_sound(judgement: Judgement, batch: Batch) -> None:
    if judgement.meaning is not Meaning.ANSWERED:
        assert judgement.problem is not None
        return
    answer = judgement.answer
    assert answer is not None and len(answer) == len(batch)
    assert answer.vendor_ids is None or len(answer.vendor_ids) == len(batch)
    for at, status in enumerate(answer.statuses):
        assert status.needs_problem == (at in answer.problems)


@pytest.mark.parametrize("to", DESTINATIONS, ids=lambda to: to.name)
@settings(max_examples=200, deadline=None)
@given(body=REPLIES, status=st.sampled_from([200, 200, 201, 400, 401, 404, 429, 500]), count=st.integers(1, 3))
def test_any_json_is_judged(to: Account, body: Any, status: int, count: int) -> None:
    batch = batch_of(KEYS[:count])
    judgement = to.judge(batch, Reply(status, {}, json.dumps(body).encode()))
    check_sound(judgement, batch)
    if judgement.answer is not None and status not in (200, 201):
        assert status == 400 and Status.ACCEPTED not in judgement.answer.statuses


@pytest.mark.parametrize("to", DESTINATIONS[:2], ids=lambda to: to.name)
@settings(max_examples=200, deadline=None)
@given(body=REPLIES, status=st.sampled_from([200, 200, 400, 404, 500]))
def test_any_json_is_judged_as_a_read_back(to: Account, body: Any, status: int) -> None:
    batch = batch_of(KEYS[2:])
    judgement = to.judge_look_up(batch, Reply(status, {}, json.dumps(body).encode()), None)
    check_sound(judgement, batch)
    assert judgement.answer is None or Status.CREATED not in judgement.answer.statuses
