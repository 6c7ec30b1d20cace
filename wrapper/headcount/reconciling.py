"""After a load: ask the vendor what became of what is `unknown` or `accepted`. Nothing is sent."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import msgspec

from headcount.destinations.base import Destination
from headcount.errors import JournalError, UsageError
from headcount.inputs import ObjectsInput
from headcount.loading import Progress, folder_of_objects, start, write_views
from headcount.outcome import Report
from headcount.records.encode import Encoder, contact_of, is_neutral
from headcount.records.mapping import ColumnMap
from headcount.run_folder import RunFolder, has_run
from headcount.settings import Settings


def reconcile(
    run_dir: str | Path,
    *,
    to: Destination,
    max_calls: int | None = None,
    concurrency: int | None = None,
    requests_per_second: float | None = None,
    attempt_timeout: float = 60.0,
    deadline: float | None = None,
    on_progress: Progress | None = None,
) -> Report:
    """Ask the vendor about the contacts of a finished `load(..., run_dir=run_dir)` that are still open.

    An `unknown` contact that is found becomes `existing`; one that is not becomes `not_sent` (Emarsys, Pabbly), or
    stays `unknown` at Sinch, where it may still be on its way. An `accepted` one that is found by its external id
    becomes `created`; without an external id it stays as it is, kind `unconfirmed`. At most `max_calls` calls are
    made, and nothing is sent. Answers the counts of the whole run, and writes its views anew.

    Raises UsageError, RunLocked, and what ends a load: CredentialsError, EndpointError, JournalError, InputChanged.
    """
    path = Path(run_dir)
    if not has_run(path):
        raise UsageError(f"{path} holds no run")
    if max_calls is not None and not (type(max_calls) is int and max_calls >= 0):
        raise UsageError(f"max_calls is a whole number, not {max_calls!r}")
    folder = folder_of_objects(path, to.name)
    settings = Settings(
        concurrency=concurrency,
        requests_per_second=requests_per_second,
        attempt_timeout=attempt_timeout,
        deadline=deadline,
        repeats=False,
    )
    encoder = Encoder(to.layout, to.check, ColumnMap(to.layout))
    return start(
        to,
        settings,
        lambda copy: ObjectsInput(_objects(folder), encoder),
        folder,
        on_progress,
        write_views=write_views,
        asking=True,
        max_calls=max_calls,
    ).report()


def _objects(folder: RunFolder) -> Iterator[object]:
    """The contacts that the run has read, from its copy of them."""
    with folder.read_journal() as journal:
        count = journal.rows_read
    if not count:
        return
    try:
        with folder.input_path.open("rb") as lines:
            for line in islice(lines, count):
                record = msgspec.json.decode(line)
                # No vendor takes a contact that has neutral names alone, so that one was a Contact.
                yield contact_of(record) if is_neutral(record) else record
    except (OSError, msgspec.DecodeError) as error:
        raise JournalError(f"{folder.input_path} cannot be read: the run cannot be reconciled without it") from error


