"""Destinations by name: headcount.toml, precedence, and where secrets come from."""

from __future__ import annotations

import pytest

from headcount.mock import serve
from tests.cli.command import Command, identity

TOML = """
[destinations.shop]
vendor = "emarsys"
key_field = 3
endpoint = "{url}"
max_batch = 2
[destinations.shop.map]
3 = "Mail"
1 = "First"
[destinations.shop.set]
14 = "DE"
"""


def test_a_destination_of_the_file(command: Command) -> None:
    source = command.write(
        "people.csv", "Mail,First,Last\na@example.com,Ann,Lee\nb@example.com,Bob,Ray\nc@example.com,C,D\n"
    )
    with serve("emarsys") as mock:
        command.write("headcount.toml", TOML.format(url=mock.url))
        done = command("load", source, "--to", "shop", "--map", "1=Last", "--run-dir", "run")
        again = command("resume", "run")
    assert (done.code, done.last_line) == (0, identity(created=3))
    assert again.last_line == done.last_line
    contacts = list(mock.stores["emarsys"].contacts.values())
    assert [(contact["1"], contact["14"]) for contact in contacts] == [("Lee", "DE"), ("Ray", "DE"), ("D", "DE")]
    assert len({write.request for write in mock.stores["emarsys"].writes}) == 2


def test_a_flag_goes_before_the_file(command: Command) -> None:
    source = command.people(4)
    with serve("emarsys") as mock:
        command.write(
            "other.toml", f'[destinations.shop]\nvendor = "emarsys"\nendpoint = "{mock.url}"\nmax_batch = 1\n'
        )
        done = command("load", source, "--to", "shop", "--config", "other.toml", "--max-batch", "3")
    assert done.code == 0
    assert len({write.request for write in mock.stores["emarsys"].writes}) == 2


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ('[destinations.shop]\nvendor = "emarsys"\nendpont = "x"\n', "(did you mean 'endpoint'?)"),
        ('[destination.shop]\nvendor = "emarsys"\n', "(did you mean 'destinations'?)"),
        ('[destinations.shop]\nvendor = "emarsis"\n', "'emarsis'"),
        ('[destinations.shop]\nvendor = "emarsys"\nmax_batch = "many"\n', "max_batch is a number"),
        ('[destinations.shop]\nvendor = "pabbly"\nkey_field = 3\n', "no key 'key_field'"),
        ("[destinations", "cannot be read"),
    ],
)
def test_a_wrong_file_is_named(command: Command, toml: str, words: str) -> None:
    command.write("headcount.toml", toml)
    done = command("load", command.people(1), "--to", "shop")
    assert done.code == 2 and words in done.err and len(done.err.splitlines()) == 1


def test_a_secret_from_a_file(command: Command) -> None:
    secret = command.environment()["PABBLY_API_KEY"]
    command.write("key", secret + "\n")
    with serve("pabbly") as mock:
        arguments = ("load", command.people(2), "--to", "pabbly", "--endpoint", mock.url)
        done = command(*arguments, env={"PABBLY_API_KEY": None, "PABBLY_API_KEY_FILE": "key"})
        missing = command(*arguments, env={"PABBLY_API_KEY": None, "PABBLY_API_KEY_FILE": "nokey"})
    assert (done.code, done.last_line) == (0, identity(created=2))
    assert missing.code == 2 and "PABBLY_API_KEY_FILE" in missing.err


def test_no_secret_is_shown_or_kept(command: Command) -> None:
    with serve("emarsys", credentials={"EMARSYS_CLIENT_SECRET": "another"}) as mock:
        env = {"EMARSYS_CLIENT_SECRET": "canary-of-a-secret"}
        done = command(
            "load", command.people(2), "--to", "emarsys", "--endpoint", mock.url, "--run-dir", "run", env=env
        )
    kept = b"".join(path.read_bytes() for path in (command.folder / "run").iterdir())
    assert done.code == 4
    assert "canary" not in done.out + done.err and b"canary" not in kept


def test_endpoints_by_service(command: Command) -> None:
    with serve("emarsys") as api, serve("emarsys") as other:
        arguments = ("--endpoint", f"api={api.url}", "--endpoint", f"auth={other.url}")
        done = command("load", command.people(2), "--to", "emarsys", *arguments)
    # The token of one server does not open the other.
    assert done.code == 4
    assert api.stores["emarsys"].writes == other.stores["emarsys"].writes == []


def test_a_fourth_vendor_is_found_by_its_entry_point(command: Command) -> None:
    command.write(
        "fourth.py", "from headcount.destinations.pabbly import Pabbly\nclass Fourth(Pabbly):\n    name = 'fourth'\n"
    )
    information = command.folder / "fourth-1.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: fourth\nVersion: 1\n")
    (information / "entry_points.txt").write_text("[headcount.destinations]\nfourth = fourth:Fourth\n")
    env = {"PYTHONPATH": str(command.folder)}
    with serve("pabbly") as mock:
        done = command("load", command.people(2), "--to", "fourth", "--endpoint", mock.url, "--run-dir", "run", env=env)
        again = command("resume", "run", env=env)
    assert (done.code, done.last_line) == (0, identity(created=2))
    assert (again.code, again.last_line) == (0, identity(created=2))


def test_an_option_by_flag_goes_before_the_environment_and_that_before_the_file(command: Command) -> None:
    command.write("headcount.toml", '[destinations.shop]\nvendor = "emarsys"\nkey_field = 1\n')
    arguments = ("load", command.write("people.csv", "f1,f2,f3\na,b,c@example.com\n"), "--to", "shop")
    arguments = (*arguments, "--map", "1=f1", "--map", "2=f2", "--map", "3=f3")
    keys = []
    for env, option in (({}, ()), ({"EMARSYS_KEY_FIELD": "2"}, ()), ({"EMARSYS_KEY_FIELD": "2"}, ("key_field=3",))):
        given = [part for text in option for part in ("--option", text)]
        with serve("emarsys") as mock:
            done = command(*arguments, *given, "--endpoint", mock.url, env=env)
            assert done.code == 0, done.err
            keys += [write.key for write in mock.stores["emarsys"].writes]
    assert keys == ["a", "b", "c@example.com"]
    twice = command(*arguments, "--option", "key_field=3", "--key-field", "3")
    assert twice.code == 2 and "are the same setting" in twice.err


@pytest.mark.parametrize("option", ["key_fild=3", "key_field", "=3", "key_field="])
def test_a_wrong_option_is_named(command: Command, option: str) -> None:
    done = command("plan", command.people(1), "--to", "emarsys", "--option", option)
    assert done.code == 2 and option.partition("=")[0] in done.err and len(done.err.splitlines()) == 1
