"""A fourth vendor, installed beside headcount and named nowhere in it, behind the real command and its own mock."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest
import schemathesis
from hypothesis import HealthCheck, settings

from headcount.auth import HeaderKey, Secret
from headcount.errors import NotFoundError, RefusedError, UsageError
from headcount.mock import MockServer, serve
from tests.cli.command import COMMAND, Command, Done, identity

PACKAGE = Path(__file__).parent / "headcount-acme" / "headcount_acme"
AUDIENCE = ("--option", "audience=readers")


@pytest.fixture
def acme(tmp_path: Path, site: Path) -> Acme:
    return Acme(Command(tmp_path), {"PYTHONPATH": str(site), "ACME_KEY": "mock-key"})


@pytest.fixture
def installed(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The vendor is found in this process, too."""
    monkeypatch.syspath_prepend(str(site))


@attrs.frozen
class Acme:
    """The command, with headcount-acme on its path."""

    command: Command
    env: Mapping[str, str]

    def __call__(self, *arguments: str) -> Done:
        return self.command(*arguments, env=self.env)

    def load(self, mock: MockServer, source: str, *arguments: str) -> Done:
        loading = ("load", source, "--to", "acme", "--endpoint", mock.url, "--run-dir", "run")
        return self(*loading, *(AUDIENCE if "--config" not in arguments else ()), *arguments)

    def outcomes(self) -> list[dict[str, Any]]:
        lines = (self.command.folder / "run" / "outcomes.jsonl").read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines]

    def people(self, count: int, refused: Sequence[int] = ()) -> str:
        lines = ["external_id,email,given_name,consent,attributes.city"]
        for row in range(count):
            domain = "refused.example" if row in refused else "example.com"
            lines.append(f"crm-{row},p{row}@{domain},Ann,yes,Oslo")
        return self.command.write("people.csv", "\n".join(lines) + "\n")


@contextmanager
def mocked(*faults: Mapping[str, Any], **switches: Any) -> Iterator[MockServer]:
    with serve("acme", faults={"acme": {"faults": faults, **switches}}) as mock:
        yield mock


def refs(mock: MockServer) -> list[str]:
    """Of the people that were written, in the order of their rows."""
    return sorted((write.key for write in mock.stores["acme"].writes), key=lambda ref: int(ref.removeprefix("crm-")))


def test_a_plan_needs_neither_network_nor_key(acme: Acme) -> None:
    done = acme.command(
        "plan", acme.people(250), "--to", "acme", *AUDIENCE, env={"PYTHONPATH": acme.env["PYTHONPATH"]}
    )
    assert done.code == 0, done.err
    assert "3, one call each" in done.out
    assert done.last_line == "250 input = 250 valid + 0 rejected + 0 repeated"


def test_a_load_into_the_mock_that_the_command_serves(acme: Acme) -> None:
    mock = subprocess.Popen(
        [*COMMAND, "mock", "acme"],
        cwd=acme.command.folder,
        env=acme.command.environment(acme.env),
        stdout=subprocess.PIPE,
    )
    try:
        assert mock.stdout is not None
        name, url = mock.stdout.readline().decode().split()
        endpoint = url.removesuffix("/v1")
        done = acme("load", acme.people(250), "--to", "acme", *AUDIENCE, "--endpoint", endpoint, "--run-dir", "run")
        status = acme("status", "run")
    finally:
        mock.send_signal(signal.SIGTERM)
        mock.communicate(timeout=30)
    assert name == "acme:"
    assert (done.code, done.last_line) == (0, identity(created=250)), done.err
    assert status.code == 0 and identity(created=250) in status.out
    assert {outcome["vendor_id"] for outcome in acme.outcomes()} == {f"a-{number}" for number in range(1, 251)}


def test_every_field_reaches_the_vendor(acme: Acme, installed: None) -> None:
    with mocked() as mock:
        done = acme.load(mock, acme.people(1), "--map", "last_name=given_name", "--set", "fields.source=spring")
        (stored,) = mock.stores["acme"].contacts.values()
    assert done.code == 0, done.err
    assert stored == {
        "ref": "crm-0",
        "email": "p0@example.com",
        "first_name": "Ann",
        "last_name": "Ann",
        "subscribed": True,
        "fields": {"city": "Oslo", "source": "spring"},
    }


def test_a_person_that_is_refused_costs_itself_alone_and_is_not_quoted(acme: Acme, installed: None) -> None:
    with mocked() as mock:
        done = acme.load(mock, acme.people(150, refused=[3, 120]))
        assert len(refs(mock)) == 148
        assert mock.stores["acme"].answers == {207: 2}
    assert (done.code, done.last_line) == (1, identity(created=148, rejected=2))
    bad = [outcome for outcome in acme.outcomes() if outcome["status"] == "rejected"]
    assert [(each["row"], each["code"], each["http_status"]) for each in bad] == [
        (4, "E_EMAIL", 207),
        (121, "E_EMAIL", 207),
    ]
    assert "refused.example" not in str(bad)


def test_a_request_that_is_refused_whole_is_bisected(acme: Acme, installed: None) -> None:
    with mocked(refused_as="request") as mock:
        done = acme.load(mock, acme.people(150, refused=[3, 120]), "--concurrency", "1")
        assert len(refs(mock)) == 148
    assert (done.code, done.last_line) == (1, identity(created=148, rejected=2))
    assert [each["row"] for each in acme.outcomes() if each["status"] == "rejected"] == [4, 121]


@pytest.mark.parametrize("carried_out", [True, False])
def test_a_lost_reply_is_made_good_where_a_repeat_is_harmless(
    acme: Acme, installed: None, carried_out: bool
) -> None:
    lost = {"nth": 1, "ending": "close", "carried_out": carried_out}
    with mocked(lost) as mock:
        done = acme.load(mock, acme.people(150), "--concurrency", "1")
        assert refs(mock) == [f"crm-{row}" for row in range(150)]
    counts = {"created": 50, "existing": 100} if carried_out else {"created": 150}
    assert (done.code, done.last_line) == (0, identity(**counts))
    kinds = {outcome["kind"] for outcome in acme.outcomes() if outcome["status"] == "existing"}
    assert kinds == ({"found_after_resend"} if carried_out else set())


def test_a_lost_reply_is_unknown_where_a_repeat_doubles_until_the_vendor_is_asked(
    acme: Acme, installed: None
) -> None:
    faults = [{"nth": 1, "ending": "close", "carried_out": True}, {"nth": 2, "ending": "close"}]
    with mocked(*faults) as mock:
        done = acme.load(mock, acme.people(250), "--option", "on_match=add", "--concurrency", "1")
        assert (done.code, done.last_line) == (5, identity(created=149, unknown=101))
        asked = acme("reconcile", "run")
        assert (asked.code, asked.last_line) == (5, identity(created=149, existing=100, not_sent=1)), asked.err
        resumed = acme("resume", "run")
        # A second person for a ref would be a second write of it.
        assert refs(mock) == [f"crm-{row}" for row in range(250)]
    assert (resumed.code, resumed.last_line) == (0, identity(created=150, existing=100))


def test_a_run_that_was_told_to_wait_too_long_is_resumed_with_its_options(acme: Acme, installed: None) -> None:
    acme.command.write(
        "vendors.toml",
        '[destinations.crm]\nvendor = "acme"\naudience = "night-owls"\non_match = "replace"\nmax_batch = 50\n',
    )
    limited = {"nth": 2, "answer": "rate_limited", "wait": 1000}
    with mocked(limited, audience="night-owls") as mock:
        arguments = ("--to", "crm", "--config", "vendors.toml", "--concurrency", "1")
        done = acme.load(mock, acme.people(100), *arguments)
        assert (done.code, done.last_line) == (5, identity(created=50, not_sent=50)), done.err
        resumed = acme("resume", "run")
        assert (resumed.code, resumed.last_line) == (0, identity(created=100))
        again = acme.load(mock, "people.csv", *arguments, "--run-dir", "again")
    assert (again.code, again.last_line) == (0, identity(updated=100))


def test_a_short_wait_is_waited_for(acme: Acme, installed: None) -> None:
    with mocked({"nth": 1, "answer": "rate_limited", "wait": 1}) as mock:
        done = acme.load(mock, acme.people(10))
        assert mock.stores["acme"].answers == {429: 1, 200: 1}
    assert (done.code, done.last_line) == (0, identity(created=10))


def test_a_refusal_that_no_other_batch_escapes_ends_the_run(acme: Acme, installed: None) -> None:
    with mocked(capacity=150) as mock:
        done = acme.load(mock, acme.people(250), "--concurrency", "1")
        assert len(refs(mock)) == 100
    assert (done.code, done.last_line) == (4, identity(created=100, not_sent=150))
    assert "E_FULL" in done.err


def test_a_wrong_key_ends_the_run_and_is_not_shown(acme: Acme, installed: None) -> None:
    env = {**acme.env, "ACME_KEY": "canary-of-a-key"}
    with mocked() as mock:
        done = Acme(acme.command, env).load(mock, acme.people(3))
    kept = b"".join(path.read_bytes() for path in (acme.command.folder / "run").iterdir())
    assert (done.code, done.last_line) == (4, identity(not_sent=3))
    assert "canary" not in done.out + done.err and b"canary" not in kept


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((), "acme needs the option 'audience': --option audience=VALUE, or ACME_AUDIENCE in the environment"),
        ((*AUDIENCE, "--option", "on_mach=add"), "acme has no option 'on_mach' (did you mean 'on_match'?)"),
        ((*AUDIENCE, "--option", "on_match=merge"), "on_match is keep, replace, add, not 'merge'"),
        ((*AUDIENCE, "--key-field", "ref"), "its options are audience, on_match"),
        ((*AUDIENCE, "--map", "phone=email"), "fields.NAME"),
    ],
)
def test_options_are_the_vendors_own(acme: Acme, options: Sequence[str], words: str) -> None:
    done = acme("plan", acme.people(1), "--to", "acme", *options)
    assert done.code == 2 and words in done.err and len(done.err.splitlines()) == 1


def test_without_its_package_the_vendor_is_not_known(tmp_path: Path) -> None:
    command = Command(tmp_path)
    done = command("plan", command.people(1), "--to", "acme")
    assert done.code == 2 and "there are emarsys, pabbly, sinch" in done.err
    served = command("mock", "acme")
    assert served.code == 2 and "no mock is called 'acme'" in served.err


def test_a_package_that_is_broken_costs_its_own_vendor_alone(tmp_path: Path) -> None:
    command = Command(tmp_path)
    for number, name in enumerate(("broken", "twin", "twin")):
        information = tmp_path / f"package{number}-1.dist-info"
        information.mkdir()
        (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: package{number}\nVersion: 1\n")
        (information / "entry_points.txt").write_text(f"[headcount.destinations]\n{name} = not_there:Vendor\n")
    env = {"PYTHONPATH": str(tmp_path)}
    for name, words in (("broken", "package0, cannot be loaded: ModuleNotFoundError"), ("twin", "package1, package2")):
        done = command("plan", command.people(1), "--to", name, env=env)
        assert done.code == 2 and words in done.err and len(done.err.splitlines()) == 1, done.err
    assert command("plan", command.people(1), "--to", "pabbly", env=env).code == 0


def test_its_operations_as_single_calls(installed: None) -> None:
    from headcount_acme.client import models
    from headcount_acme.destination import Acme as Destination

    wanted = models.FindContactsRequest(refs=["crm-1", "crm-2"])
    person = models.Contact.from_dict({"ref": "crm-1", "email": "p@example.com"})
    refused = models.Contact.from_dict({"ref": "crm-2", "email": "p@refused.example"})

    async def found(account: Destination) -> set[str]:
        async with account.async_client() as api:
            return set((await api.find_contacts(wanted)).found.additional_properties)

    with mocked(refused_as="request", audience="readers") as mock:
        account = Destination(auth=HeaderKey("X-Acme-Key", Secret("mock-key")), audience="readers", endpoint=mock.url)
        with account.client(timeout=5) as api:
            made = api.create_contacts(models.CreateContactsRequest(people=[person]))
            assert made.results["crm-1"].outcome == "added"
            with pytest.raises(RefusedError, match="E_EMAIL") as raised:
                api.create_contacts(models.CreateContactsRequest(people=[refused]))
            assert "refused.example" not in str(raised.value)
            with pytest.raises(UsageError, match="the body"):
                api.create_contacts(models.CreateContactsRequest(people=[]))
        assert asyncio.run(found(account)) == {"crm-1"}
        elsewhere = Destination(auth=account.auth, audience="night-owls", endpoint=mock.url)
        with elsewhere.client() as api, pytest.raises(NotFoundError):
            api.create_contacts(models.CreateContactsRequest(people=[person]))


schema = schemathesis.openapi.from_dict(json.loads((PACKAGE / "acme.json").read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def served(site: Path) -> Iterator[MockServer]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(site))
        with serve("acme") as mock:
            yield mock


@schema.parametrize()
@settings(max_examples=25, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
def test_the_mock_keeps_to_its_spec(case: schemathesis.Case[Any], served: MockServer) -> None:
    case.call_and_validate(base_url=f"{served.url}/v1", headers={"X-Acme-Key": "mock-key"})
