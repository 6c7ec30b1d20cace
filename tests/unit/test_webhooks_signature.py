"""A delivery is the vendor's, or it is refused: the official vector, each broken header, the window, any mutation."""

from __future__ import annotations

import base64
import hashlib
import hmac
import random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from headcount.auth import Secret
from headcount.webhooks.signature import Refusal, Signed, verify

SECRET = Secret("foo_secret1234")
NONCE = b"01FJA8B4A7BM43YGWSG9GBV067"
TIMESTAMP = 1634579353
SIGNATURE = b"6bpJoRmFoXVjfJIVglMoJzYXxnoxRujzR4k2GOXewOE="
BODY = (
    b'{"app_id":"","accepted_time":"2021-10-18T17:49:13.813615Z",'
    b'"project_id":"e2df3a34-a71b-4448-9db5-a8d2baad28e4",'
    b'"contact_create_notification":{"contact":{"id":"01FJA8B466Y0R2GNXD78MD9SM1",'
    b'"channel_identities":[{"channel":"SMS","identity":"48123456789","app_id":""}],'
    b'"display_name":"New Test Contact","email":"new.contact@email.com","external_id":"","metadata":"",'
    b'"language":"EN_US"}},"message_metadata":""}'
)
"""The vendor's own test vector: documentation and SDKs."""

PREFIX = b"x-sinch-webhook-signature"
Headers = list[tuple[bytes, bytes]]


def headers(**changed: bytes | None) -> Headers:
    """The vector's headers; a change by the end of the name, None to leave one out."""
    values: dict[str, bytes | None] = {
        "": SIGNATURE,
        "nonce": NONCE,
        "timestamp": str(TIMESTAMP).encode(),
        "algorithm": b"HmacSHA256",
    } | {name.removeprefix("signature"): value for name, value in changed.items()}
    named = [(PREFIX + (b"-" + name.encode() if name else b""), value) for name, value in values.items()]
    return [(name, value) for name, value in named if value is not None]


def signed(body: bytes, nonce: bytes, timestamp: bytes) -> Headers:
    """Headers that are right for these parts, signed here."""
    digest = hmac.new(b"foo_secret1234", body + b"." + nonce + b"." + timestamp, hashlib.sha256).digest()
    return headers(signature=base64.b64encode(digest), nonce=nonce, timestamp=timestamp)


def test_the_official_vector() -> None:
    assert verify(SECRET, headers(), BODY, TIMESTAMP) == Signed(NONCE.decode(), TIMESTAMP)


def test_names_in_any_case_among_other_headers() -> None:
    named = [(name.title(), value) for name, value in headers()]
    assert isinstance(verify(SECRET, [(b"Host", b"x"), *named, (b"host", b"y")], BODY, TIMESTAMP), Signed)


@pytest.mark.parametrize(
    ("now", "window", "taken"),
    [
        (TIMESTAMP + 300, 300, True),
        (TIMESTAMP - 300, 300, True),
        (TIMESTAMP + 300.001, 300, False),
        (TIMESTAMP - 300.001, 300, False),
        (TIMESTAMP + 10, 10, True),
        (TIMESTAMP + 11, 10, False),
        (TIMESTAMP, 0, True),
        (float("nan"), 300, False),
    ],
)
def test_the_window_is_open_both_ways_up_to_its_edge(now: float, window: float, taken: bool) -> None:
    verdict = verify(SECRET, headers(), BODY, now, window)
    assert isinstance(verdict, Signed) if taken else verdict is Refusal.OUTSIDE_WINDOW


def test_the_window_is_five_minutes_by_default() -> None:
    assert isinstance(verify(SECRET, headers(), BODY, TIMESTAMP + 300), Signed)
    assert verify(SECRET, headers(), BODY, TIMESTAMP + 301) is Refusal.OUTSIDE_WINDOW


def test_no_signature_at_all() -> None:
    assert verify(SECRET, [], BODY, TIMESTAMP) is Refusal.UNSIGNED
    assert verify(SECRET, [(b"authorization", SIGNATURE)], BODY, TIMESTAMP) is Refusal.UNSIGNED


@pytest.mark.parametrize("name", ["signature", "nonce", "timestamp", "algorithm"])
def test_each_header_is_needed_once(name: str) -> None:
    assert verify(SECRET, headers(**{name: None}), BODY, TIMESTAMP) is Refusal.MALFORMED
    full = PREFIX if name == "signature" else PREFIX + b"-" + name.encode()
    doubled = [*headers(), (full, dict(headers())[full])]
    assert verify(SECRET, doubled, BODY, TIMESTAMP) is Refusal.MALFORMED


@pytest.mark.parametrize(
    "algorithm", [b"", b"hmacsha256", b"HmacSHA1", b"HmacSHA512", b"none", b"HmacSHA256 ", b"\xff"]
)
def test_no_other_algorithm(algorithm: bytes) -> None:
    assert verify(SECRET, headers(algorithm=algorithm), BODY, TIMESTAMP) is Refusal.MALFORMED


@pytest.mark.parametrize("nonce", [b"", b"a.b", b"a b", b"a" * 129, b"\xff\x00", "ä".encode(), b"a\n"])
def test_a_nonce_that_cannot_be_one_is_refused_though_signed(nonce: bytes) -> None:
    assert verify(SECRET, signed(BODY, nonce, b"1634579353"), BODY, TIMESTAMP) is Refusal.MALFORMED


@pytest.mark.parametrize(
    "timestamp",
    [b"", b"-1634579353", b"+1634579353", b" 1634579353", b"1_634_579_353", b"1634579353.0", b"1e9", b"9" * 400, b"nan",
     "١٦٣٤٥٧٩٣٥٣".encode(), b"1634579353\n", b"\xff"],
)  # fmt: skip
def test_a_timestamp_that_cannot_be_one_is_refused_though_signed(timestamp: bytes) -> None:
    assert verify(SECRET, signed(BODY, NONCE, timestamp), BODY, TIMESTAMP) is Refusal.MALFORMED


@pytest.mark.parametrize(
    "signature",
    [b"", b"=", SIGNATURE[:-1], SIGNATURE + b"=", SIGNATURE.lower(), b"\xff" * 44, b"A" * 43 + b"=", b"\x00"],
)
def test_a_signature_that_is_not_the_right_one(signature: bytes) -> None:
    assert verify(SECRET, headers(signature=signature), BODY, TIMESTAMP) is Refusal.FORGED


def test_the_base64_has_one_spelling() -> None:
    # The last letter before the padding holds two bits that a decoder drops.
    other = SIGNATURE[:-2] + b"F="
    assert base64.b64decode(other) == base64.b64decode(SIGNATURE)
    assert verify(SECRET, headers(signature=other), BODY, TIMESTAMP) is Refusal.FORGED


def test_another_secret() -> None:
    assert verify(Secret("foo_secret1235"), headers(), BODY, TIMESTAMP) is Refusal.FORGED


def test_the_same_signed_text_cut_elsewhere_has_no_second_nonce() -> None:
    text = BODY + b"." + NONCE + b"." + str(TIMESTAMP).encode()
    readings = []
    for first in range(len(text)):
        for second in range(first + 1, len(text)):
            if text[first : first + 1] == text[second : second + 1] == b".":
                nonce, timestamp = text[first + 1 : second], text[second + 1 :]
                cut = headers(nonce=nonce, timestamp=timestamp)
                readings.append(verify(SECRET, cut, text[:first], TIMESTAMP))
    assert len(readings) > 1
    assert [each for each in readings if isinstance(each, Signed)] == [Signed(NONCE.decode(), TIMESTAMP)]


def test_every_other_byte_in_the_body_breaks_it() -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    for place in range(len(BODY)):
        changed = bytearray(BODY)
        changed[place] ^= chance.randrange(1, 256)
        assert verify(SECRET, headers(), bytes(changed), TIMESTAMP) is Refusal.FORGED


@given(st.data())
def test_any_mutation_of_a_signed_request_is_refused(data: st.DataObject) -> None:
    body = data.draw(st.binary(max_size=200))
    nonce = data.draw(st.text("0123456789ABCDEFGHJKMNPQRSTVWXYZ", min_size=1, max_size=26)).encode()
    timestamp = str(TIMESTAMP).encode()
    right = signed(body, nonce, timestamp)
    assert verify(SECRET, right, body, TIMESTAMP) == Signed(nonce.decode(), TIMESTAMP)
    parts = [body, *(value for _, value in right)]
    place = data.draw(st.integers(0, len(parts) - 1))
    at = data.draw(st.integers(0, len(parts[place])))
    cut = data.draw(st.integers(0, 3))
    changed = parts[place][:at] + data.draw(st.binary(max_size=3)) + parts[place][at + cut :]
    mutated = [*parts[:place], changed, *parts[place + 1 :]]
    verdict = verify(
        SECRET, [(name, value) for (name, _), value in zip(right, mutated[1:], strict=True)], mutated[0], TIMESTAMP
    )
    assert isinstance(verdict, Signed) == (mutated == parts)


@example([(PREFIX, b"\x00")] * 3)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([PREFIX, PREFIX + b"-nonce", PREFIX + b"-timestamp", PREFIX + b"-algorithm", b"\xff", b""]),
            st.sampled_from([SIGNATURE, NONCE, b"1634579353", b"HmacSHA256"]) | st.binary(max_size=60),
        ),
        max_size=8,
    )
)
def test_whatever_the_headers_hold_there_is_a_verdict(these: Headers) -> None:
    verdict = verify(SECRET, these, BODY, TIMESTAMP)
    ours = sorted((name, value) for name, value in these if name.startswith(PREFIX))
    assert isinstance(verdict, Refusal) or ours == sorted(headers())
