"""What the crash tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from headcount.mock import serve
from tests.cli.command import Command
from tests.crash.harness import Moment, People, Watch, arguments
from tests.crash.killed import Killed


@pytest.fixture
def command(tmp_path: Path) -> Command:
    """The command, in a folder of its own."""
    return Command(tmp_path)


@pytest.fixture(scope="module")
def half_done(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Killed]:
    """A load of 4,000 rows to Sinch, killed after some 1,200."""
    command = Command(tmp_path_factory.mktemp("killed"))
    people = People(4000, bad=frozenset(range(7, 4000, 101)))
    source = command.write("people.csv", people.csv())
    with serve("sinch") as mock:
        watch = Watch(mock, "sinch")
        flags = arguments("sinch", mock.url, max_batch=50, concurrency=2)
        assert watch.kill(command.start("load", source, *flags), Moment(25)) is None
        yield Killed(command, people, mock, watch)


@pytest.fixture
def killed(half_done: Killed) -> Killed:
    """The same, as it was."""
    half_done.restore()
    return half_done
