"""No secret and no personal data where nobody is to find any, whatever the network and the vendor do.

Looked at in every run: what is logged at DEBUG by anyone, standard output and error, outcomes and report, the error
with all that led to it and the locals of our frames, the representations of all our objects in the midst of the run
and after it, the files of the run as they are written and at the end, and their names. Files that are to hold rows
hold them.
"""

from __future__ import annotations

import html
import json
import logging
import re
import subprocess
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import attrs
import pytest

from headcount import Load, Outcome, Report, Status, load, reconcile
from headcount.auth import BearerKey, ClientCredentials, Secret, Wsse
from headcount.destinations import Emarsys, Pabbly, Sinch
from headcount.destinations.base import Destination
from headcount.errors import (
    BatchRefusedError,
    CredentialsError,
    EndpointError,
    HeadcountError,
    InputChanged,
    JournalError,
    RunLocked,
    SourceError,
    UsageError,
)
from headcount.mock import MockServer, serve
from headcount.records.encode import Encoder
from headcount.records.mapping import ColumnMap
from headcount.sources import open_source
from tests.cli.command import COMMAND, Command
from tests.contract.canaries import (
    CREDENTIALS,
    KEY,
    NAME,
    SECRET,
    SURNAME,
    assert_silent,
    assert_silent_error,
    assert_silent_files,
    assert_silent_logs,
    assert_silent_objects,
    email,
    people,
    person,
    phone,
)
from tests.contract.vendor_server import Call, VendorServer, a_token, raw, says

VENDORS = ("emarsys", "pabbly", "sinch")
TOKEN = "Canary-Token-9zq7.abc"


def destination(vendor: str, url: str) -> Destination:
    if vendor == "pabbly":
        return Pabbly(auth=BearerKey(Secret(KEY)), endpoint=url)
    if vendor == "emarsys with WSSE":
        return Emarsys(auth=Wsse("mock-user", Secret(SECRET)), endpoint=url)
    client = {"emarsys": "mock-client", "sinch": "mock-key-id"}[vendor]
    auth = ClientCredentials(f"{url}/oauth2/token", client, Secret(SECRET))
    if vendor == "emarsys":
        return Emarsys(auth=auth, endpoint=url)
    return Sinch(auth=auth, project_id="mock-project", endpoint=url)


@attrs.frozen
class Ran:
    outcomes: Sequence[Outcome]
    error: HeadcountError | None
    report: Report


class Watch:
    """Runs loads and looks everywhere while they run and when they are over."""

    def __init__(self, folder: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._caplog = caplog
        self._capfd = capfd

    def run(
        self,
        to: Destination,
        contacts: Sequence[object],
        *,
        more: Callable[[], Collection[str]] = lambda: (),
        begin: Callable[..., Load] = load,
        **how: Any,
    ) -> Ran:
        """The load in `self.folder`; `more` are secrets that are known only when it is over."""
        settings = {"max_batch": 3, "concurrency": 2, "attempt_timeout": 0.4, "deadline": 0.7} | how
        looks = 0

        def look(report: Report) -> None:
            nonlocal looks
            looks += 1
            if looks in (1, 2, 3, 5, 8, 13, 21, 34):
                assert assert_silent_objects(under_way, more()) >= 10
                assert_silent_files(self.folder, more())

        outcomes: list[Outcome] = []
        error = None
        with self._caplog.at_level(logging.DEBUG):
            under_way = begin(contacts, to=to, run_dir=self.folder, on_progress=look, **settings)
            try:
                outcomes.extend(under_way)
            except HeadcountError as raised:
                error = raised
        assert looks
        secrets = more()
        if error is not None:
            assert_silent_error(error, secrets)
        self.hold(secrets)
        assert_silent_objects(under_way, secrets)
        report = under_way.so_far()
        assert_silent(f"{outcomes!r} {report!r} {report} {under_way.warnings!r}", "outcomes and report", secrets)
        assert {"journal.sqlite", "lock"} <= assert_silent_files(self.folder, secrets)
        return Ran(outcomes, error, report)

    def hold(self, more: Collection[str] = ()) -> None:
        """Holds what was logged and printed so far to silence."""
        assert_silent_logs(self._caplog.records, more)
        printed = self._capfd.readouterr()
        assert_silent(printed.out + printed.err, "standard output or error", more)


@pytest.fixture
def watch(tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> Watch:
    return Watch(tmp_path / "run", caplog, capfd)


def tokens(mock: MockServer) -> list[str]:
    """The access tokens that the mock has issued."""
    return [token for vendor in mock.vendors.values() for token in vendor.tokens._owners]


# The faults of networks and vendors

NETWORK: Mapping[str, dict[str, Any]] = {
    "none": {"nth": 10_000},
    "refused": {"ending": "refuse", "nth": 1, "operation": None},
    "reset on accept": {"ending": "reset_on_accept", "nth": 1, "operation": None},
    "reset within the body": {"ending": "reset", "size": 100},
    "no reply": {"ending": "close", "carried_out": True},
    "reset for a reply": {"ending": "reset", "carried_out": True},
    "silence": {"ending": "hang"},
    "silence, look-ups too": {"ending": "hang", "operation": None, "carried_out": True},
    "a dripping head": {"ending": "drip_head", "delay": 0.5},
    "a dripping body": {"ending": "drip_body", "delay": 0.5},
    "nothing of a reply": {"ending": "truncate", "size": 0},
    "a cut head": {"ending": "truncate", "size": 12},
    "a cut body": {"ending": "truncate"},
    "a garbled head": {"ending": "garble_head"},
    "a garbled body": {"ending": "garble_body"},
    "an endless reply": {"ending": "bomb", "size": 70_000_000},
    "a compressed bomb": {"ending": "gzip_bomb", "size": 50_000_000},
    "a page": {"status": 200, "body": "<html>Sign in</html>", "carried_out": True},
    "half of JSON": {"status": 200, "body": '{"contacts": [', "carried_out": True},
    "a redirect": {"status": 307, "headers": {"Location": "http://127.0.0.1:9/"}},
    "a redirected token call": {
        "status": 307,
        "headers": {"Location": "http://127.0.0.1:9/"},
        "operation": "createToken",
    },
    **{
        f"status {status}": {"status": status, "carried_out": status >= 500}
        for status in (400, 401, 403, 404, 405, 413, 415, 429, 500, 502, 503, 504, 599)
    },
    "a wait": {"status": 429, "headers": {"Retry-After": "1"}},
    "a dated wait": {"status": 503, "headers": {"Retry-After": "Wed, 21 Oct 2065 07:28:00 GMT"}},
    "a wait beyond patience": {"status": 429, "headers": {"Retry-After": "999999"}},
}


@pytest.mark.parametrize("fault", NETWORK)
@pytest.mark.parametrize("vendor", VENDORS)
def test_nothing_shows_whatever_the_network_does(watch: Watch, vendor: str, fault: str) -> None:
    faults = {"network": {"faults": [{"operation": "createContacts"} | NETWORK[fault]]}}
    with serve(vendor, faults=faults, credentials=CREDENTIALS) as mock:
        ran = watch.run(destination(vendor, mock.url), people(), more=lambda: tokens(mock))
    assert ran.report.input == len(people())
    assert ran.report.counts[Status.REJECTED] >= 2 or ran.error


@pytest.mark.parametrize(
    ("vendor", "switches"),
    [
        ("emarsys", {"invalid_contact": "item", "fields": ["3"]}),
        ("emarsys", {"ids_withheld": 2}),
        ("emarsys", {"existing": [email(number) for number in range(5)]}),
        ("emarsys", {"token_calls": 1}),
        ("emarsys", {"body_limit": 300}),
        ("emarsys with WSSE", {}),
        ("pabbly", {"tags": [], "unknown_names": "fail"}),
        ("pabbly", {"skipped": "failed", "existing": [phone(number) for number in range(5)]}),
        ("pabbly", {"faults": [{"answer": "error_in_200", "operation": "createContacts"}]}),
        ("sinch", {"errors": "nested", "faults": [{"answer": "bad_request"}]}),
        ("sinch", {"faults": [{"answer": "billing"}]}),
        ("sinch", {"token_calls": 1}),
    ],
    ids=str,
)
def test_nothing_shows_of_what_a_vendor_refuses(watch: Watch, vendor: str, switches: dict[str, Any]) -> None:
    name = vendor.split()[0]
    with serve(name, faults={name: switches}, credentials=CREDENTIALS) as mock:
        ran = watch.run(destination(vendor, mock.url), people(), more=lambda: tokens(mock), deadline=3.0)
    assert ran.report.input == len(people())


@pytest.mark.parametrize("vendor", VENDORS)
def test_nothing_shows_of_look_ups_of_unknown_and_accepted(watch: Watch, vendor: str) -> None:
    network = {"faults": [{"operation": "createContacts", "ending": "reset", "carried_out": True, "nth": 1}]}
    with serve(vendor, faults={"network": network}, credentials=CREDENTIALS) as mock:
        to = destination(vendor, mock.url)
        watch.run(to, people(), more=lambda: tokens(mock), deadline=4.0)
        report = reconcile(watch.folder, to=to)
        assert report.input == len(people())
        watch.hold(tokens(mock))
        assert_silent_files(watch.folder, tokens(mock))
        assert_silent(f"{report!r}", "report", tokens(mock))


# Vendors that say back what they were told


def in_pieces(text: str) -> str:
    return " ... ".join(text[start : start + 37] for start in range(0, len(text), 37))


ECHOES: Mapping[str, Callable[[str], str]] = {
    "as it is": str,
    "upper case": str.upper,
    "of a URL": quote,
    "of a URL, twice": lambda text: quote(quote(text, safe="")),
    "of JSON": lambda text: json.dumps(text).replace("/", "\\/").replace("Z", "\\u005a"),
    "of HTML": lambda text: "".join(f"&#{ord(c)};" if c in "iw+@" else html.escape(c) for c in text),
    "in pieces": in_pieces,
    "behind much else": lambda text: "no " * 333 + text,
    "with terminal sequences": lambda text: f"\x1b]0;{text[:50]}\x07\x1b[31m\u202e{text}\x9b0m\x00",
    "a hundred times": lambda text: text * 100,
}


def heard(vendor: str, call: Call) -> str:
    """All of a call that a vendor can say back, and the secret that it knows."""
    return f"{call.path} {call.query} {call.headers} {KEY if vendor == 'pabbly' else SECRET} {call.body.decode()}"


def echo(vendor: str, shape: str, said: str, call: Call) -> bytes:
    """A reply of the vendor with what it heard wherever it can put it."""
    status = {"refusal": 400, "of all": 401, "forbidden": 403, "no such thing": 404, "trouble": 503}.get(shape, 200)
    headers = {"Retry_After": said[:200], "X_Echo": quote(said[:2000]), "Date": NAME}
    headers = {name: "".join(c if " " <= c <= "~" else "?" for c in value) for name, value in headers.items()}
    if vendor == "pabbly":
        sent = call.json if call.body else []
        failed = [{"mobile": each["mobile"], "error": said} for each in sent] + [said]
        data = {"createdContacts": [], "failedCount": len(sent), "failedContacts": failed[: len(sent)]}
        if shape == "strangers":
            data["failedContacts"] = [said] * len(sent)
        reply: Any = {"status": "error" if status != 200 else "success", "message": said, "error": said, "data": data}
        if not call.body:
            mobile = call.query["mobile"][0]
            reply["data"] = {"contacts": [{"mobile": mobile, "_id": mobile}]} if shape != "strangers" else said
        return says(reply, status, **headers)
    if vendor == "sinch":
        violations = [{"field": NAME, "description": said}, {"field": said, "description": said}]
        error = {"code": NAME, "message": said, "status": SURNAME, "details": [{"field_violations": violations}]}
        return says({"error": error} if shape == "strangers" else error, status, **headers)
    keys = [each["3"] for each in call.json["contacts"]] if "contacts" in call.json else call.json["external_ids"]
    errors: Any = {key: {"2007": said, NAME: said} for key in keys}
    if shape == "strangers":
        errors = {said: {SURNAME: said}, **{key: {NAME: said} for key in keys}}
    code = {"refusal": 10001, "of all": 1}.get(shape, 0 if status == 200 else 7)
    ids = dict.fromkeys(keys, "79460" + "0" * 5)
    return says({"replyCode": code, "replyText": said, "data": {"errors": errors, "ids": ids}}, status, **headers)


@pytest.mark.parametrize("form", ECHOES)
@pytest.mark.parametrize("shape", ["refusal", "of all", "forbidden", "no such thing", "trouble", "items", "strangers"])
@pytest.mark.parametrize("vendor", VENDORS)
def test_nothing_shows_of_what_a_vendor_says_back(watch: Watch, vendor: str, shape: str, form: str) -> None:
    def answer(call: Call) -> bytes:
        return echo(vendor, shape, ECHOES[form](heard(vendor, call)), call)

    with VendorServer(answer, token=lambda _: a_token(TOKEN)) as server:
        ran = watch.run(destination(vendor, server.url), people(), more=lambda: [TOKEN], deadline=1.0)
        assert server.calls
    controls = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
    details = [outcome.problem.detail or "" for outcome in ran.outcomes if outcome.problem]
    assert not any(controls.search(text) for text in [*details, str(ran.error)])


@pytest.mark.parametrize(
    "reply",
    [
        says({"error": SECRET, "error_description": SECRET}, 401),
        says({"error": SECRET.upper()}, 400),
        says({"error": SECRET[7:], "message": SECRET}, 403),
        says({"error": "invalid_client", "error_description": f"{SECRET} is wrong"}, 401, WWW_Authenticate=SECRET),
        says({"error": SECRET}, 404),
        says({"error": SECRET}, 429, Retry_After=SECRET),
        raw(SECRET, 500),
        raw(SECRET),
        says({"token": SECRET}),
        says({"access_token": f"{SECRET}\r\nX-Injected: 1", "token_type": "bearer"}),
        says({"access_token": TOKEN, "token_type": SECRET, "expires_in": SECRET}),
        b"HTTP/1.1 " + SECRET.encode() + b"\r\n\r\n",
    ],
)
@pytest.mark.parametrize("vendor", ["emarsys", "sinch"])
def test_nothing_shows_of_what_a_token_server_says_back(watch: Watch, vendor: str, reply: bytes) -> None:
    with VendorServer(lambda _: raw("", 401), token=lambda _: reply) as server:
        ran = watch.run(destination(vendor, server.url), people(), more=lambda: [TOKEN], deadline=1.0)
        assert server.token_calls
        assert not any("x-injected" in call.headers for call in server.calls)
    assert ran.report.counts[Status.NOT_SENT] >= 8 or ran.error


# Errors


def provoke_usage(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PABBLY_API_KEY", f"{KEY}\nX-Injected: {NAME}")
    Pabbly.from_env()


def provoke_usage_of_a_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "key").write_bytes(KEY.encode() + b"\xff\xfe")
    monkeypatch.setenv("PABBLY_API_KEY_FILE", str(folder / "key"))
    Pabbly.from_env()


def provoke_input_changed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serve("pabbly", credentials=CREDENTIALS) as mock:
        to = destination("pabbly", mock.url)
        load(people(), to=to, run_dir=folder / "run").report()
        load([{"mobile": phone(50), "name": NAME}], to=to, run_dir=folder / "run").report()


def provoke_run_locked(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serve("pabbly", credentials=CREDENTIALS) as mock:
        to = destination("pabbly", mock.url)
        with load(people(), to=to, run_dir=folder / "run") as under_way:
            next(under_way)
            load(people(), to=to, run_dir=folder / "run").report()


def provoke_journal(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def damage(_: Report) -> None:
        (folder / "run" / "input.jsonl").unlink(missing_ok=True)
        (folder / "run" / "input.jsonl").mkdir(exist_ok=True)

    with serve("pabbly", credentials=CREDENTIALS) as mock:
        to = destination("pabbly", mock.url)
        load(people(3000), to=to, run_dir=folder / "run", on_progress=damage).report()


def provoke_source(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "people.csv").write_bytes(f"email,name\n{email(1)},{NAME}\n".encode("utf-16"))
    for _ in open_source(str(folder / "people.csv")).chunks():
        pass


def provoke_credentials(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with VendorServer(lambda call: echo("pabbly", "forbidden", heard("pabbly", call), call)) as server:
        load(people(), to=destination("pabbly", server.url)).report()


def provoke_endpoint(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with VendorServer(lambda call: echo("pabbly", "no such thing", heard("pabbly", call), call)) as server:
        load(people(), to=destination("pabbly", server.url)).report()


def provoke_batch_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with VendorServer(lambda call: echo("emarsys", "refusal", heard("emarsys", call), call)) as server:
        load(people(), to=destination("emarsys", server.url)).report()


PROVOKED: Sequence[tuple[type[HeadcountError], Callable[[Path, pytest.MonkeyPatch], None]]] = [
    (UsageError, provoke_usage),
    (UsageError, provoke_usage_of_a_file),
    (SourceError, provoke_source),
    (InputChanged, provoke_input_changed),
    (RunLocked, provoke_run_locked),
    (JournalError, provoke_journal),
    (CredentialsError, provoke_credentials),
    (EndpointError, provoke_endpoint),
    (BatchRefusedError, provoke_batch_refused),
]


@pytest.mark.parametrize(("kind", "provoke"), PROVOKED, ids=lambda each: each.__name__)
def test_nothing_shows_in_an_error_its_causes_and_our_locals(
    watch: Watch,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: type[HeadcountError],
    provoke: Callable[[Path, pytest.MonkeyPatch], None],
) -> None:
    with pytest.raises(kind) as raised:
        provoke(tmp_path, monkeypatch)
    assert type(raised.value) is kind
    assert_silent_error(raised.value)
    watch.hold()


def test_nothing_shows_of_an_endpoint_with_a_password() -> None:
    with pytest.raises(UsageError) as raised:
        destination("pabbly", f"https://{NAME}:{SECRET.replace('/', '')}@api.example.com")
    assert_silent(str(raised.value), "the message")


def test_nothing_shows_of_a_file_without_a_header(tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text(f"{email(1)},{phone(1)}\n{NAME},{SURNAME}\n", encoding="utf-8")
    source = open_source(str(tmp_path / "people.csv"))
    to = destination("pabbly", "http://127.0.0.1:9")
    columns = ColumnMap(to.layout)
    encoder = Encoder(to.layout, to.check, columns)
    for rows in source.chunks():
        assert_silent(f"{rows!r}".replace(repr(rows.columns), ""), "rows")
        encoder.rows(rows)
    with pytest.raises(UsageError) as raised:
        columns.check_columns(source.columns or ())
    assert_silent(f"{raised.value} {encoder.warnings}", "the messages")


def test_nothing_of_the_contacts_shows_when_the_callers_own_input_breaks_off(watch: Watch) -> None:
    def broken() -> Iterator[object]:
        yield from people()
        yield {"mobile": phone(50), "name": NAME}
        raise ZeroDivisionError

    with serve("pabbly", credentials=CREDENTIALS) as mock:
        under_way = load(broken(), to=destination("pabbly", mock.url), run_dir=watch.folder)
        with pytest.raises(ZeroDivisionError) as raised:
            list(under_way)
    assert_silent_error(raised.value)
    watch.hold()


# The command


@pytest.mark.parametrize("vendor", VENDORS)
def test_nothing_shows_of_the_command_while_it_runs_and_after(tmp_path: Path, vendor: str) -> None:
    command = Command(tmp_path)
    lines = ["email,phone,external_id,name,language,attributes.city,tags"]
    for contact in [*people(12), person(95, phone="7946 0", email=f"{SURNAME}@")]:
        cells = (contact.email, contact.phone, contact.external_id, contact.name, contact.language)
        lines.append(",".join(str(cell or "") for cell in cells) + ",Kanarienvogel,Canarytag")
    command.write("people.csv", ("\n".join(lines) + "\n").encode(errors="replace"))
    faults = {vendor: {"faults": [{"status": 400, "body": f'{{"message": "{NAME} {email(9)} {KEY}"}}', "nth": 2}]}}
    with serve(vendor, faults=faults, credentials=CREDENTIALS) as mock:
        arguments = ["load", "people.csv", "--to", vendor, "--endpoint", mock.url, "--run-dir", "run"]
        arguments += ["--max-batch", "2", "--concurrency", "1", "--requests-per-second", "4"]
        environment = command.environment(CREDENTIALS | {"HEADCOUNT_TRACEBACK": "1"})
        process = subprocess.Popen(
            [*COMMAND, *arguments], cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        ends = time.monotonic() + 20
        while len(mock.stores[vendor].writes) < 2 and time.monotonic() < ends:
            time.sleep(0.02)
        argv = Path(f"/proc/{process.pid}/cmdline").read_bytes()
        names = b" ".join(path.read_bytes() for path in Path(f"/proc/{process.pid}/task").glob("*/comm"))
        files = assert_silent_files(tmp_path / "run", tokens(mock))
        out, err = process.communicate(timeout=60)
        assert argv.count(b"\0") == len(COMMAND) + len(arguments)
        for name, text in {"argv": argv, "threads": names, "stdout": out, "stderr": err}.items():
            assert_silent(text, name, tokens(mock))
        assert {"journal.sqlite", "journal.sqlite-wal", "journal.sqlite-shm", "lock"} <= files
        files = assert_silent_files(tmp_path / "run", tokens(mock))
    assert {"journal.sqlite", "lock", "outcomes.jsonl", "summary.json"} <= files
    assert process.returncode in (1, 5)
    assert NAME.encode() in (tmp_path / "run" / "rejected.jsonl").read_bytes()
    for verb in ("status", "plan"):
        subject = ["run"] if verb == "status" else ["people.csv", "--to", vendor]
        done = command(verb, *subject, env=CREDENTIALS)
        assert_silent(done.out + done.err, verb)
