"""The mocked Sinch's write log against its look-ups: after any calls in any order both tell of the same contacts."""

from __future__ import annotations

import random
from typing import Any

import httpx
import pytest

from tests.contract.test_mock_sinch import PATH, sinch

CALLS = 150


def pages(client: httpx.Client, **filters: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    token = ""
    while True:
        params = {**filters, "page_size": "20", **({"page_token": token} if token else {})}
        page = client.get(PATH, params=params).json()
        found += page["contacts"]
        if not (token := page["next_page_token"]):
            return found


def one_call(client: httpx.Client, chance: random.Random, number: int, ids: list[str]) -> None:
    first, second = chance.choice(ids), chance.choice(ids)
    identity = {"channel": chance.choice(["SMS", "MMS", "RCS"]), "identity": str(chance.randrange(10))}
    body = {"channel_identities": [identity], "language": "EN"}
    match chance.randrange(7):
        case 0 | 1:
            ids.append(client.post(PATH, json=body).json()["id"])
        case 2:
            client.post(PATH, json={"contacts": [body] * 2})
            ids += [each["id"] for each in pages(client)][-2:]
        case 3:
            changes = chance.choice([{"email": f"{number}@example.com"}, {"channel_identities": [identity]}])
            client.patch(f"{PATH}/{first}", json=changes)
        case 4:
            client.delete(f"{PATH}/{first}")
        case 5:
            client.post(f"{PATH}/{first}:merge", json={"source_id": second})
        case 6:
            client.request("DELETE", PATH, json={"contact_ids": [first, second]})


@pytest.mark.parametrize("seed", range(3))
def test_the_log_and_the_look_ups_agree(seed: int) -> None:
    print(f"seed {seed}")
    chance = random.Random(seed)
    with sinch() as (client, store):
        ids = ["absent"]
        for number in range(CALLS):
            one_call(client, chance, number, ids)
        writes, held = store.writes, store.contacts
        listed = pages(client)
        assert {each["id"]: each for each in listed} == held
        deleted = [write.key for write in writes if write.effect == "deleted"]
        assert len(deleted) == len(set(deleted)) == store.deleted > 0
        assert not held.keys() & set(deleted)
        assert len(held) == store.created - store.deleted
        assert {write.key for write in writes if write.effect == "updated"} <= held.keys() | set(deleted)
        for identity in {(each["channel"], each["identity"]) for one in listed for each in one["channel_identities"]}:
            found = pages(client, channel=identity[0], identity=identity[1])
            having = [
                one
                for one in listed
                if identity in [(each["channel"], each["identity"]) for each in one["channel_identities"]]
            ]
            assert found == having
