"""A load of as many contacts as the argument says, answered at once; prints the peak of its memory in kB.

A program of its own, since the peak is that of a whole process.
"""

from __future__ import annotations

import resource
import sys
from collections.abc import Iterator
from functools import partial

import msgspec

from headcount.auth import BearerKey, Secret
from headcount.core.exchange import Reply, Request
from headcount.core.jobs import Job
from headcount.destinations import Emarsys
from headcount.inputs import ObjectsInput
from headcount.loading import start
from headcount.records.encode import Encoder
from headcount.records.mapping import ColumnMap
from headcount.settings import Settings
from headcount.workers import Arrival


class AnsweredAtOnce:
    """Workers whose vendor creates whatever comes."""

    def __init__(self) -> None:
        self._arrivals: list[Arrival] = []
        self._id = 0

    def start(self, job: Job, request: Request, timeout: float) -> None:
        count = len(msgspec.json.decode(request.body)["contacts"])
        ids = list(range(self._id, self._id + count))
        self._id += count
        body = msgspec.json.encode({"replyCode": 0, "replyText": "OK", "data": {"ids": ids}})
        self._arrivals.append(Arrival(job, Reply(200, {}, body)))

    def hold(self, until: float) -> None:
        pass

    def wait(self, seconds: float) -> list[Arrival]:
        arrivals, self._arrivals = self._arrivals, []
        return arrivals

    def wake(self) -> None:
        pass

    def close(self) -> None:
        pass


def people(count: int) -> Iterator[dict[str, str]]:
    return ({"3": f"person{number}@example.org", "1": f"Name {number}"} for number in range(count))


def main(count: int, repeats: bool) -> None:
    to = Emarsys(auth=BearerKey(Secret("none")))
    encoder = Encoder(to.layout, to.check, ColumnMap(to.layout))
    settings = Settings(requests_per_second=1e9, repeats=repeats)
    source = partial(ObjectsInput, people(count), encoder)
    report = start(to, settings, source, None, workers=AnsweredAtOnce()).report()
    if report.input != count or not all(report.counts.get(status) in (0, count) for status in report.counts):
        raise SystemExit(report.identity)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2] == "repeats")
