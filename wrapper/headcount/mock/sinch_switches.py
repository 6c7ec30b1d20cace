"""How the mocked Sinch answers."""

from __future__ import annotations

from typing import Literal

import attrs

from headcount.mock.announcements import Deliveries, Webhook
from headcount.mock.faults import Switches


@attrs.define(kw_only=True)
class SinchSwitches(Switches):
    """How the mocked Sinch answers.

    errors: the batch service's errors, members at the top or under `error` (flat: seed; nested: vendor-docs).
        The Conversation API's are always nested.
    accepted: the body of the batch service's 200 (empty and object: both inferred, the seed gives no fields).
    deleted: the body of a single delete's 200 (empty and object: both client-source).
    invalid_contact: a contact that breaks the schema: `refuse` refuses the batch with 400, `drop` takes the others and
        says nothing (both inferred).
    duplicates: a contact whose identities are all there already: `store` stores a second one, `ignore` says nothing
        in a batch and refuses a single create with 400 (both inferred).
    visible_after: seconds until a contact of a batch is found by a look-up (seed: asynchronous; the time is inferred).
    gone_after: seconds until a contact of a batch delete is found no more (vendor-docs: asynchronous; the time is
        inferred). Until then it can be read and no longer changed. The write log has it at once.
    unknown_ids: ids in a batch delete that no contact has: `ignore` deletes the others and says nothing, `refuse`
        refuses the batch with 404 (both inferred).
    unmasked_update: an update without a mask: `given` replaces the members that it has and that are not empty
        (inferred from what clients expect), `all` replaces every member (inferred).
    duplicate_targets: a second webhook of an app with one target: `refuse` answers 400 (vendor-docs), `store` takes it
        (inferred; for tests that send one request many times).
    project: the only project id that exists; any other gets 404 (vendor-docs). None means that every one exists.
    webhook: where events go (seed: one CONTACT_CREATE for each new contact); nowhere by default. Webhooks that are
        made through the API get theirs as well, those with an address on this machine.
    deliveries: how the events of webhooks that are made through the API are delivered.
    announce_duplicates: CONTACT_IDENTITIES_DUPLICATION is sent when a contact is created or updated and another has one
        of its identities (inferred; the vendor sends it while it processes messages, which the mock does not).
    """

    errors: Literal["flat", "nested"] = "flat"
    accepted: Literal["empty", "object"] = "object"
    deleted: Literal["empty", "object"] = "object"
    invalid_contact: Literal["refuse", "drop"] = "refuse"
    duplicates: Literal["store", "ignore"] = "store"
    visible_after: float = 0.0
    gone_after: float = 0.0
    unknown_ids: Literal["ignore", "refuse"] = "ignore"
    unmasked_update: Literal["given", "all"] = "given"
    duplicate_targets: Literal["refuse", "store"] = "refuse"
    project: str | None = None
    webhook: Webhook | None = None
    deliveries: Deliveries | None = None
    announce_duplicates: bool = False
