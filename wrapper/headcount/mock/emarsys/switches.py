"""What the mocked Emarsys does one way or the other."""

from __future__ import annotations

from typing import Literal

import attrs

from headcount.mock.faults import Switches


@attrs.define(kw_only=True)
class EmarsysSwitches(Switches):
    """How the mocked Emarsys answers.

    refusals: what refuses a call that keeps to the schema, because of what the account holds (no contact with this
        key, a name that is taken): `in_200` is a reply code inside a 200 (vendor-docs for 2004 to 2008 and 2010,
        inferred for the others), `status` the HTTP status that the vendor's tables have for it (vendor-docs).
    empty_errors: `data.errors` when nothing failed (absent, list: vendor-docs; map: inferred).
    empty_data: `data` where there is nothing to tell (map: vendor-docs; text: client-source; list: inferred).
    ids: the type of the ids of created contacts (integer: seed; string: vendor-docs, there for updates).
    id_order: the order of the ids (request: seed; reversed: inferred, as no order is promised).
    ids_withheld: how many ids of stored contacts are left out at the end of a reply (inferred).
    unknown_key: what an unknown `key_id` gets: `refused` is 400/2004, `refused_in_200` the same envelope with
        status 200 (both vendor-docs), `pseudo_key` a 200 with `<NO_KEY_ID>` in errors where the call has a list of
        contacts (client-source), and else what `refused_in_200` is.
    invalid_contact: a contact that breaks the schema: `refuse` refuses the batch, `item` makes it an error of its
        own with code 2007 (both inferred).
    no_match: `data.result` of getdata when no contact was found (false: vendor-docs; absent: vendor-docs of an older
        version; list: inferred).
    error_codes: the type of `errorCode` in getdata (string: vendor-docs; integer: client-source).
    none_deleted: a list of keys to delete of which none was found: each an error of its own (`items`: inferred), or
        the call refused with 2008 (`refused`: client-source).
    fields: the field ids of the account (vendor-docs: 2004, 2006, 2007); None means that every id exists.
    typed: whether values have to be of their field's type, for the fields that every account has (vendor-docs: 2007).
    indexed: the field ids that a query may filter by (vendor-docs: 2015); None means all.
    sources: the ids of contact sources that a contact may name beside those created (vendor-docs: 2013); None means
        that any may be named.
    existing: values of field 3 of contacts that are there from the start.
    races: how many of the next contacts that an upsert would create are answered with 2009, nothing being stored
        (vendor-docs: what calls at the same time for one key can come to).
    rate_limit: requests a minute, as `X-RateLimit-Limit` has it (vendor-docs).
    enforce_rate_limit: whether every reply tells what is left of them, and the requests above it get a 429. The
        vendor enforces it by its load (vendor-docs); a minute begins with the first request after the last (inferred).
    """

    refusals: Literal["in_200", "status"] = "in_200"
    empty_errors: Literal["absent", "list", "map"] = "absent"
    empty_data: Literal["map", "text", "list"] = "map"
    ids: Literal["integer", "string"] = "integer"
    id_order: Literal["request", "reversed"] = "request"
    ids_withheld: int = 0
    unknown_key: Literal["refused", "refused_in_200", "pseudo_key"] = "refused"
    invalid_contact: Literal["refuse", "item"] = "refuse"
    no_match: Literal["false", "absent", "list"] = "false"
    error_codes: Literal["string", "integer"] = "string"
    none_deleted: Literal["items", "refused"] = "items"
    fields: tuple[str, ...] | None = None
    typed: bool = False
    indexed: tuple[str, ...] | None = None
    sources: tuple[str, ...] | None = None
    existing: tuple[str, ...] = ()
    races: int = 0
    rate_limit: int = 1000
    enforce_rate_limit: bool = False
