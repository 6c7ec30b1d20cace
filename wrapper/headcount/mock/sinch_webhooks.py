"""The webhooks of the mocked Sinch that are managed through its API."""

from __future__ import annotations

import itertools
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from headcount.mock.announcements import Deliveries, Webhook, is_local
from headcount.mock.ulid import ulid

MAX_PER_APP = 5
_EMPTY: Mapping[str, Any] = {"target_type": "HTTP", "triggers": [], "secret": ""}

Stored = Mapping[str, Any]


class Webhooks:
    """The webhooks of each project, by id."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._projects: defaultdict[str, dict[str, Stored]] = defaultdict(dict)

    def new(self, sent: Mapping[str, Any]) -> Stored:
        """A webhook as it comes back, not yet held."""
        return {"id": ulid(time.time(), next(self._numbers)), **_EMPTY, **sent}

    def updated(self, webhook: Stored, sent: Mapping[str, Any], names: Sequence[str] | None) -> Stored:
        """The webhook with these members replaced, not yet held; with None those that were sent (inferred)."""
        chosen = sent.keys() if names is None else names
        changed = {name: sent.get(name, _EMPTY.get(name)) for name in chosen}
        # An app and a target it has to have: what would empty them leaves them as they are.
        kept = {name: value for name, value in changed.items() if value is not None}
        gone = changed.keys() - kept.keys() - {"app_id", "target"}
        return {name: value for name, value in {**webhook, **kept}.items() if name not in gone}

    def hold(self, project: str, webhook: Stored) -> None:
        """Holds a webhook, or another state of it."""
        self._projects[project][webhook["id"]] = webhook

    def get(self, project: str, webhook_id: str) -> Stored | None:
        """The webhook with this id."""
        return self._projects[project].get(webhook_id)

    def delete(self, project: str, webhook_id: str) -> None:
        """Deletes one that is there. What is under way to it is delivered all the same."""
        del self._projects[project][webhook_id]

    def of_app(self, project: str, app_id: str) -> list[Stored]:
        """All webhooks of an app, in the order in which they came."""
        return [each for each in self._projects[project].values() if each["app_id"] == app_id]

    def is_duplicate(self, project: str, webhook: Stored) -> bool:
        """Whether its app has another webhook with its target."""
        return any(each["target"] == webhook["target"] for each in self._others(project, webhook))

    def is_one_too_many(self, project: str, webhook: Stored) -> bool:
        """Whether its app has as many others as it may have."""
        return len(self._others(project, webhook)) >= MAX_PER_APP

    def listening(self, project: str, trigger: str, deliveries: Deliveries) -> list[Webhook]:
        """Those that events of this trigger go to: by HTTP, to this machine alone, which is the mock's own rule."""
        return [
            deliveries.to(each["target"], each["secret"] or None)
            for each in self._projects[project].values()
            if each["target_type"] == "HTTP" and trigger in each["triggers"] and is_local(each["target"])
        ]

    def _others(self, project: str, webhook: Stored) -> list[Stored]:
        return [each for each in self.of_app(project, webhook["app_id"]) if each["id"] != webhook["id"]]
