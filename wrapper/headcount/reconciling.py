"""After a load: ask the vendor what became of what is `unknown` or `accepted`. Nothing is sent."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path

import msgspec

from headcount.destinations.base import Destination
from headcount.errors import JournalError, UsageError
from headcount.inputs import ObjectsInput
from headcount.loading import Asking, Progress, conclude_objects, mode_of_objects, start
from headcount.outcome import Report, Status
from headcount.records.contacts import contact_of, is_neutral
from headcount.records.encode import Encoder
from headcount.records.mapping import ColumnMap
from headcount.run_folder import InputCopy, RunFolder, has_run
from headcount.settings import Settings
from headcount.webhooks.announced import announced
from headcount.webhooks.confirmations import Confirmations


def reconcile(
    run_dir: str | Path,
    *,
    to: Destination,
    resend: bool = False,
    max_calls: int | None = None,
    confirmations: Confirmations | None = None,
    concurrency: int | None = None,
    requests_per_second: float | None = None,
    attempt_timeout: float = 60.0,
    deadline: float | None = None,
    on_progress: Progress | None = None,
) -> Report:
    """Ask the vendor about the contacts of a finished `load(..., run_dir=run_dir)` that are still open.

    An `unknown` contact that is found becomes `existing`; one that is not becomes `not_sent` (Emarsys, Pabbly), or
    stays `unknown` at Sinch, where it may still be on its way. An `accepted` one that is found by its external id
    becomes `created`; without an external id it stays as it is, kind `unconfirmed`. What is in `confirmations`, the
    file of a webhook receiver, is not asked for. At most `max_calls` calls are made, and nothing is sent; with `resend`
    what is `not_sent` after that is, as `load` with this run_dir would. Answers the counts of the whole run, and writes
    its views anew.

    Raises UsageError, RunLocked, and what ends a load: CredentialsError, EndpointError, JournalError, InputChanged.
    """
    path = Path(run_dir)
    if not has_run(path):
        raise UsageError(f"{path} holds no run")
    if max_calls is not None and not (type(max_calls) is int and max_calls >= 0):
        raise UsageError(f"max_calls is a whole number, not {max_calls!r}")
    folder = RunFolder.open(path)
    to = to.in_mode(mode_of_objects(folder, to.name))
    settings = Settings(
        concurrency=concurrency,
        requests_per_second=requests_per_second,
        attempt_timeout=attempt_timeout,
        deadline=deadline,
        repeats=False,
    )

    def again(copy: InputCopy | None) -> ObjectsInput:
        return ObjectsInput(_objects(folder), Encoder(to.layout, to.check, ColumnMap(to.layout)))

    on_end = partial(conclude_objects, folder, to.name)
    report = start(
        to,
        settings,
        again,
        folder,
        on_progress,
        on_end=on_end,
        asking=Asking(max_calls, None if confirmations is None else announced(to, confirmations)),
    ).report()
    if resend and report.counts[Status.NOT_SENT]:
        return start(to, settings, again, folder, on_progress, on_end=on_end).report()
    return report


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
