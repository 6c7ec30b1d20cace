"""What Emarsys' replies say of contacts, in each mode.

What is said of replies is the vendor's page unless marked; specs/README.md has the evidence for the rest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import attrs
import msgspec

from headcount.core.answers import Judgement, Meaning, judge_status
from headcount.core.batches import Batch
from headcount.core.exchange import Reply
from headcount.destinations.account import Said, answered
from headcount.destinations.base import SILENT, Texts, decoded, identifier
from headcount.destinations.emarsys_codes import kind_of
from headcount.errors import BatchRefusedError, CredentialsError, EndpointError
from headcount.outcome import Kind, Problem, Status

_NO_KEY = "<NO_KEY_ID>"

_OF_THE_WHOLE = frozenset({"1001", "1009", "1010", "2001", "2004", "10001"})
"""Reply codes of a request that speak of all its contacts: nothing is gained by sending fewer."""

_OF_A_CONTACT = frozenset({Kind.EXISTS, Kind.NOT_FOUND, Kind.CONFLICT})
"""Kinds of problem that speak of one contact also where they refuse a request that holds no other."""

_WORST_FIRST = (Status.REJECTED, Status.UNKNOWN, Status.NOT_SENT, Status.EXISTING)
"""Which of several errors counts for one contact."""

_THERE = Problem(Kind.UNANSWERED, "it is there; whether it was changed is not known")


class _Envelope(msgspec.Struct):
    replyCode: int
    replyText: Any = None
    data: Any = None


@attrs.frozen
class _NothingDone:
    """For a look-up: the request was refused whole."""


@attrs.frozen
class _Deleted:
    """For a look-up: it has taken the keys to delete. `count` is how many contacts it deleted, if it says so; `sure`,
    whether all that it says could be read and told to a contact."""

    count: int | None
    sure: bool


def read(batch: Batch, reply: Reply, mode: str) -> Judgement:
    """What the reply to a mode's call says."""
    envelope = decoded(reply.body, _Envelope)
    if envelope is None:
        return judge_status(reply)
    if envelope.replyCode != 0 or not reply.successful:
        return _read_refusal(batch, reply, envelope, mode)
    data = envelope.data if isinstance(envelope.data, dict) else {}
    errors, readable = _errors(data.get("errors"))
    if list(errors) == [_NO_KEY] and not data.get("ids") and not data.get("deleted_contacts"):
        error = _read_error(errors[_NO_KEY], mode)
        return _refusal(batch, reply, error.code or "2004", error.text)
    named, sure = _named(batch, errors)
    texts = Texts(batch)
    said: dict[int, Said] = {}
    for position, raw in named.items():
        error = _read_error(raw, mode)
        said[position] = error.said(texts.masked(error.text, position), texts.code(error.code), reply)
    if mode == "delete":
        return _with_deleted(batch, data, said, sure=readable and sure, silent=envelope.data is None)
    return _with_ids(batch, data, said, mode, sure=readable and sure)


def _with_ids(batch: Batch, data: Mapping[str, Any], said: dict[int, Said], mode: str, *, sure: bool) -> Judgement:
    """The contacts that no error names are those that the ids are of.

    Their order is not promised: it is taken for which id is whose, and for no status. Where the ids say different
    things, or their number is another, it is for a look-up to say who is which.
    """
    texts, statuses = _ids(data.get("ids"), mode)
    rest = [position for position in range(len(batch)) if position not in said]
    told = dict(zip(texts, statuses, strict=True))
    alike = len(set(statuses)) == 1 and (Status.CREATED not in statuses or len(told) == len(rest))
    if len(texts) != len(rest) or not sure or not alike:
        return answered(batch, [said.get(position) for position in range(len(batch))], hint=told)
    ids: list[str | None] = [None] * len(batch)
    for position, text in zip(rest, texts, strict=True):
        ids[position] = text
    plain = Said(statuses[0])
    return answered(batch, [said.get(position, plain) for position in range(len(batch))], hint=told, vendor_ids=ids)


def _with_deleted(
    batch: Batch, data: Mapping[str, Any], said: dict[int, Said], *, sure: bool, silent: bool
) -> Judgement:
    """The contacts that no error names are deleted, if the vendor counts as many, or there is but one.

    It skips a key that several contacts have, and does not document how it tells.
    """
    number = str(data.get("deleted_contacts"))
    count = int(number) if number.isdecimal() and len(number) < 10 else None
    rest = [position for position in range(len(batch)) if position not in said]
    sure = sure and (count is not None or data.get("deleted_contacts") is None)
    if sure and not silent and (count == len(rest) or (count is None and len(batch) == 1)):
        said |= dict.fromkeys(rest, Said(Status.UPDATED))
    return answered(batch, [said.get(position) for position in range(len(batch))], hint=_Deleted(count, sure))


def _read_refusal(batch: Batch, reply: Reply, envelope: _Envelope, mode: str) -> Judgement:
    number = str(envelope.replyCode)
    judgement = _refusal(batch, reply, number, envelope.replyText)
    problem = judgement.problem
    if judgement.meaning is not Meaning.REFUSED or judgement.error is not None or problem is None:
        return judgement
    if problem.kind in _OF_A_CONTACT and len(batch) == 1:
        said = _Error.of(problem.kind, number, None, mode).said(problem.detail, problem.code, reply)
        return answered(batch, [said])
    if problem.kind is Kind.NOT_FOUND and mode == "delete":
        # The vendor says it where it has found none of them (client-source).
        return answered(batch, [Said(Status.REJECTED, problem)] * len(batch))
    if problem.kind is Kind.NOT_FOUND and mode == "update":
        return answered(batch, [None] * len(batch), hint=_NothingDone())
    return judgement


def _refusal(batch: Batch, reply: Reply, number: str, text: object) -> Judgement:
    """A refusal of the whole: by status, and by code with status 400 or, as some codes come, inside a 200."""
    texts = Texts(batch)
    detail = texts.masked(text)
    kind = kind_of(reply.status, number)
    if not reply.successful and reply.status != 400 and not (reply.status == 404 and kind is Kind.NOT_FOUND):
        return judge_status(reply, detail, texts.code(number))
    problem = Problem(kind or Kind.REFUSED, detail, texts.code(number), reply.status)
    match number:
        case "1000":
            return Judgement(Meaning.TOO_LARGE, problem=problem)
        case "7003":
            throttled = attrs.evolve(problem, kind=Kind.RATE_LIMITED, retryable=True)
            return Judgement(Meaning.THROTTLED, problem=throttled)
        case "2011":
            return Judgement(Meaning.AMBIGUOUS, problem=attrs.evolve(problem, kind=Kind.UNAVAILABLE))
        case "1" if reply.status == 400:
            wrong = EndpointError(f"the endpoint does not offer this call (code 1): {detail}")
            return Judgement(Meaning.ENDS_REFUSED, problem=problem, error=wrong)
        case "1":
            unauthorized = CredentialsError(f"the vendor refused the credentials (code 1): {detail}")
            return Judgement(Meaning.ENDS_REFUSED, problem=problem, error=unauthorized)
    if number in _OF_THE_WHOLE:
        error = BatchRefusedError(f"Emarsys refuses every batch with code {number}: {detail}")
        return Judgement(Meaning.REFUSED, problem=attrs.evolve(problem, kind=Kind.REFUSED), error=error)
    return Judgement(Meaning.REFUSED, problem=problem)


def read_call(told: Batch, reply: Reply) -> Judgement | None:
    """What the reply to a single call says if it refuses it, with any status; None for a success, and for what has no
    envelope, as one of the lists."""
    envelope = decoded(reply.body, _Envelope)
    if envelope is None or (envelope.replyCode == 0 and reply.successful):
        return None
    number = str(envelope.replyCode)
    judgement = _refusal(told, reply, number, envelope.replyText)
    kind = kind_of(reply.status, number)
    if judgement.meaning is not Meaning.REFUSED or kind is None:
        return judgement
    # There are no other batches that it could speak of.
    return attrs.evolve(judgement, problem=attrs.evolve(judgement.cause, kind=kind), error=None)


# Look-ups


def read_look_up(batch: Batch, reply: Reply, hint: object, mode: str) -> Judgement:
    """What the reply to `checkids` says. `hint` is what the reply to the call said, or in an inquiry the status."""
    envelope = decoded(reply.body, _Envelope)
    if envelope is None:
        return judge_status(reply)
    if not reply.successful or envelope.replyCode != 0:
        return _refusal(batch, reply, str(envelope.replyCode), envelope.replyText)
    data = envelope.data if isinstance(envelope.data, dict) else {}
    found, _ = _named(batch, data["ids"] if isinstance(data.get("ids"), dict) else {}, several=True)
    errors, _ = _named(batch, _errors(data.get("errors"))[0], several=True)
    codes = {position: _read_error(raw, mode).code for position, raw in errors.items()}
    ids = {position: _texts(found.get(position)) for position in range(len(batch))}
    owners = Counter(text for texts in ids.values() for text in texts)
    gone = {position for position, code in codes.items() if code == "2008" and not ids[position]}
    several = {position for position, code in codes.items() if code == "2010" or len(ids[position]) > 1}
    all_deleted = isinstance(hint, _Deleted) and (hint.count == len(gone) or (hint.count is None and hint.sure))
    told = hint if isinstance(hint, dict) else {}
    said: list[Said | None] = []
    for position, key in enumerate(batch.keys):
        there = ids[position] if codes.get(position) != "2008" else []
        alone = len(there) == 1 and owners[there[0]] == 1 and batch.keys.count(key) == 1
        own = told.get(there[0]) if alone else None
        if position in gone:
            said.append(_absent(hint, mode, reply, all_deleted=all_deleted))
        elif position in several and mode in ("update", "delete"):
            said.append(_ambiguous(reply))
        elif own is not None:
            said.append(Said(own, vendor_id=there[0]))
        else:
            said.append(_present(there, hint, mode, reply) if there else None)
    return answered(batch, said)


def _absent(hint: object, mode: str, reply: Reply, *, all_deleted: bool) -> Said:
    if isinstance(hint, _NothingDone):
        return Said(Status.REJECTED, Problem(Kind.NOT_FOUND, "not found by its key", "2008", reply.status))
    if mode != "delete":
        return Said(Status.NOT_SENT, attrs.evolve(SILENT, detail="not found by its key", retryable=True))
    if all_deleted:
        return Said(Status.UPDATED)
    return Said(Status.UNKNOWN, Problem(Kind.NOT_FOUND, "not there: deleted, or it never was", "2008", reply.status))


def _ambiguous(reply: Reply) -> Said:
    return Said(Status.REJECTED, Problem(Kind.CONFLICT, "several contacts have this key", "2010", reply.status))


def _present(ids: list[str], hint: object, mode: str, reply: Reply) -> Said:
    vendor_id = ids[0] if len(ids) == 1 else None
    if mode == "create":
        return Said(Status.EXISTING, Problem(Kind.EXISTS, "found by its key", None, reply.status), vendor_id)
    if mode == "delete" or isinstance(hint, _NothingDone):
        return Said(Status.NOT_SENT, attrs.evolve(SILENT, detail="still there as it was", retryable=True), vendor_id)
    return Said(Status.UNKNOWN, _THERE, vendor_id)


# Pieces of replies


def _errors(raw: object) -> tuple[Mapping[str, Any], bool]:
    """Errors by key value, and whether all of it could be read.

    No errors come as nothing, `[]` or `{}`, and a map whose keys count from 0 as a list: the vendor's PHP.
    """
    if isinstance(raw, list):
        raw = {str(number): error for number, error in enumerate(raw)}
    if not isinstance(raw, dict):
        return {}, not raw
    errors = {key: error for key, error in raw.items() if error}
    return errors, len(errors) == len(raw)


def _named(batch: Batch, entries: Mapping[str, Any], *, several: bool = False) -> tuple[dict[int, Any], bool]:
    """Entries by the position of the contact that each names, and whether every one names exactly one.

    The vendor's case folding of keys is not documented, so a key is matched as sent, then without its case.
    With `several` a key may name more than one contact.
    """
    if not entries:
        return {}, True
    exact = _positions(batch.keys)
    folded_keys: dict[str, list[int]] | None = None
    named: dict[int, Any] = {}
    sure = True
    for key, entry in entries.items():
        positions = exact.get(key)
        if positions is None:
            folded_keys = folded_keys or _positions(map(folded, batch.keys))
            positions = folded_keys.get(folded(key), [])
        if several or len(positions) == 1:
            sure = sure and not any(position in named for position in positions)
            named.update(dict.fromkeys(positions, entry))
        else:
            sure = False
    return named, sure


def folded(key: object) -> str:
    """What two keys share that name one contact."""
    return str(key).strip().casefold()


def _positions(keys: Iterable[str]) -> dict[str, list[int]]:
    positions: dict[str, list[int]] = {}
    for position, key in enumerate(keys):
        positions.setdefault(key, []).append(position)
    return positions


def _ids(raw: object, mode: str) -> tuple[list[str | None], list[Status]]:
    """The ids of a reply, None for several of one contact, and what each says of it; nothing when one is none.

    An id is a number, a text, or either in a list. An upsert tells contacts that were there from new ones by the type:
    texts, also several in a list, and numbers (vendor-docs).
    """
    values = raw if isinstance(raw, list) else [] if raw is None else [raw]
    if mode == "create" and set(map(type, values)) == {int}:
        return list(map(str, values)), [Status.CREATED] * len(values)
    texts: list[str | None] = []
    statuses = []
    for value in values:
        own = _texts(value)
        if not own or (len(own) > 1 and mode == "create"):
            return [], []
        inner = value[0] if isinstance(value, list) else value
        new = mode == "create" or (mode == "upsert" and isinstance(inner, int) and len(own) == 1)
        texts.append(own[0] if len(own) == 1 else None)
        statuses.append(Status.CREATED if new else Status.UPDATED)
    return texts, statuses


def _texts(value: object) -> list[str]:
    """Ids as texts: they come as numbers, as texts, alone or in a list; none when one of them is no id."""
    values = value if isinstance(value, list) else [] if value is None else [value]
    texts = [identifier(each) for each in values]
    return [text for text in texts if text is not None] if None not in texts else []


@attrs.frozen
class _Error:
    """What an error says of its contact, with the vendor's code and text, as they came."""

    status: Status
    kind: Kind
    code: str | None
    text: object

    @classmethod
    def of(cls, kind: Kind, code: str | None, text: object, mode: str) -> _Error:
        """The error in this mode. That a contact exists leaves it as it is in a create, is a lost race in an upsert, to
        be sent again (vendor-docs), and of an update it is another one, which has what only one may have.
        """
        status = Status.UNKNOWN if kind is Kind.UNAVAILABLE else Status.REJECTED
        if kind is Kind.EXISTS:
            if mode == "update":
                kind = Kind.CONFLICT
            else:
                status = {"create": Status.EXISTING, "upsert": Status.NOT_SENT}.get(mode, Status.REJECTED)
        return cls(status, kind, code, text)

    def said(self, detail: str | None, code: str | None, reply: Reply) -> Said:
        retryable = self.status is Status.NOT_SENT
        return Said(self.status, Problem(self.kind, detail, code, reply.status, retryable=retryable))


def _read_error(raw: object, mode: str) -> _Error:
    """An error: `{code: text}`, of several codes the worst; a text alone has no code."""
    if isinstance(raw, list) and raw:
        raw = raw[0]
    if not isinstance(raw, dict) or not raw:
        return _Error.of(Kind.REFUSED, None, raw, mode)
    errors = [_Error.of(kind_of(200, number) or Kind.REFUSED, number, text, mode) for number, text in raw.items()]
    return min(errors, key=lambda error: _WORST_FIRST.index(error.status))
