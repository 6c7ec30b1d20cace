"""Contact sources: the applications that contacts come from."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

from starlette.responses import Response

from headcount.mock.emarsys.replies import Refused, envelope, nothing_to_tell
from headcount.mock.emarsys.switches import EmarsysSwitches
from headcount.mock.vendor import Call, Handler, Vendor


class Sources:
    """Sources by id, their names unique."""

    def __init__(self, vendor: Vendor[EmarsysSwitches]) -> None:
        self._vendor = vendor
        self._names: dict[int, str] = {}
        self._next_id = itertools.count(101)

    def operations(self) -> Mapping[str, Handler]:
        """The handlers by operationId."""
        return {
            "listContactSources": self.list_sources,
            "createContactSource": self.create_source,
            "deleteContactSource": self.delete_source,
        }

    def has(self, source_id: object) -> bool:
        """Whether a contact may name this source."""
        known = self._vendor.switches.sources
        return known is None or str(source_id) in known or str(source_id) in map(str, self._names)

    def list_sources(self, call: Call) -> Response:
        """Every source that was created."""
        return envelope([{"id": str(source_id), "name": name} for source_id, name in self._names.items()])

    def create_source(self, call: Call) -> Response:
        """A new source; its name may not be taken."""
        name = call.body["name"]
        if name in self._names.values():
            raise Refused(7001, "An external event with the requested name already exists.")
        source_id = next(self._next_id)
        self._names[source_id] = name
        return envelope({"id": source_id})

    def delete_source(self, call: Call) -> Response:
        """The source is gone."""
        if self._names.pop(call.parameters["sourceId"], None) is None:
            raise Refused(7002, "The requested external source does not exist.")
        return nothing_to_tell(self._vendor.switches)
