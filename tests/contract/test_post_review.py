"""The comment of a pull request: posted once, updated, and made of a stranger's text without doing what that says."""

from __future__ import annotations

import io
import json
import os
import random
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import attrs
import pytest

import post_review
from post_review import ARTIFACT, AUTHOR, MARK, GitHub, Refused, harmless, post, read_report

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "token-canary-4711"
SHA = "5d2f0f3c6a1b4e7d8c9b0a1f2e3d4c5b6a798081"
WHOLE = "example/headcount"


@attrs.define
class Store:
    """What the pretended GitHub holds, and what it was asked."""

    pulls: list[dict[str, Any]] = attrs.field(factory=list)
    comments: list[dict[str, Any]] = attrs.field(factory=list)
    archive: bytes = b""
    sizes: dict[int, int] = attrs.field(factory=lambda: {5: 100})
    """The artifacts of the run, by their number, and how large they say to be."""
    asked: list[tuple[str, str]] = attrs.field(factory=list)
    tokens_of_the_store: list[str | None] = attrs.field(factory=list)
    status: int = 200


@pytest.fixture
def store() -> Store:
    return Store(pulls=[pull()], archive=packed("# Spec review: breaking\n"))


@pytest.fixture
def github(store: Store) -> Iterator[GitHub]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            return

        def answer(self, value: Any, status: int = 200, location: str = "") -> None:
            body = value if isinstance(value, bytes) else json.dumps(value).encode()
            self.send_response(status)
            if location:
                self.send_header("Location", location)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(url.query).items()}
            if url.path == "/blob":
                store.tokens_of_the_store.append(self.headers["Authorization"])
                return self.answer(store.archive)
            assert self.headers["Authorization"] == f"Bearer {TOKEN}"
            path = url.path.removeprefix(f"/repos/{WHOLE}/")
            store.asked.append(("GET", path))
            if store.status != 200:
                return self.answer({}, store.status)
            if path == "pulls":
                found = [each for each in store.pulls if query["head"] == f"fork:{each['head']['ref']}"]
                return self.answer([each for each in found if each["base"]["ref"] == query["base"]])
            if path == "actions/runs/77/artifacts":
                entries = [
                    {"id": each, "name": ARTIFACT, "expired": each < 5, "size_in_bytes": size}
                    for each, size in store.sizes.items()
                ]
                return self.answer({"artifacts": [*entries, {"id": 99, "name": "spec-pages", "expired": False}]})
            if path == f"actions/artifacts/{max(store.sizes)}/zip":
                return self.answer({}, 302, f"http://127.0.0.1:{server.server_port}/blob")
            page = int(query["page"])
            return self.answer(store.comments[(page - 1) * 100 : page * 100])

        def write_comment(self) -> None:
            path = urlsplit(self.path).path.removeprefix(f"/repos/{WHOLE}/")
            store.asked.append((self.command, path))
            content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            assert list(content) == ["body"] and self.headers["Authorization"] == f"Bearer {TOKEN}"
            body = content["body"]
            if len(body) > 65_536:
                return self.answer({"message": "Validation Failed"}, 422)
            if self.command == "POST":
                store.comments.append(said(len(store.comments) + 1, AUTHOR, body))
            else:
                number = int(path.rsplit("/", 1)[1])
                next(each for each in store.comments if each["id"] == number)["body"] = body
            return self.answer({})

        do_POST = do_PATCH = write_comment

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield GitHub(f"http://127.0.0.1:{server.server_port}", WHOLE, TOKEN)
    server.shutdown()
    thread.join()
    server.server_close()


def packed(text: str, name: str = "report.md") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as files:
        files.writestr(name, text)
    return buffer.getvalue()


def said(number: int, login: str, body: str) -> dict[str, Any]:
    return {"id": number, "user": {"login": login}, "body": body}


def pull(number: int = 12, sha: str = SHA, repository: int = 4, base: str = "main") -> dict[str, Any]:
    return {
        "number": number,
        "head": {"sha": sha, "ref": "patch", "repo": {"id": repository}},
        "base": {"ref": base, "repo": {"full_name": WHOLE}},
    }


def event(**changes: Any) -> dict[str, Any]:
    run = {
        "id": 77,
        "event": "pull_request",
        "path": ".github/workflows/review.yml",
        "head_sha": SHA,
        "head_branch": "patch",
        "head_repository": {"id": 4, "owner": {"login": "fork"}},
    }
    return {"workflow_run": {**run, **changes}, "repository": {"default_branch": "main"}}


def test_the_report_is_posted_once_and_then_updated(github: GitHub, store: Store) -> None:
    assert post(github, event(), "https://github.test") == "posted to #12"
    store.archive = packed("# Spec review: harmless\n")
    assert post(github, event(), "https://github.test") == "posted to #12"
    assert len(store.comments) == 1
    body = store.comments[0]["body"]
    assert body.startswith(MARK) and "harmless" in body and "breaking" not in body
    assert f"on commit {SHA}: [the run](https://github.test/{WHOLE}/actions/runs/77)" in body


def test_a_comment_of_somebody_else_is_never_touched(github: GitHub, store: Store) -> None:
    store.comments = [said(number, "stranger", f"{MARK}\nmine") for number in range(1, 151)]
    store.comments.append(said(151, AUTHOR, "of another job"))
    post(github, event(), "https://github.test")
    assert [each["body"] for each in store.comments[:151]] == [f"{MARK}\nmine"] * 150 + ["of another job"]
    assert len(store.comments) == 152


def test_a_comment_far_behind_is_found(github: GitHub, store: Store) -> None:
    store.comments = [said(number, "stranger", "hello") for number in range(1, 131)]
    store.comments.append(said(131, AUTHOR, f"{MARK}\nold"))
    post(github, event(), "https://github.test")
    assert len(store.comments) == 131 and "breaking" in store.comments[130]["body"]


def test_no_changes_are_worth_no_comment_unless_there_is_one(github: GitHub, store: Store) -> None:
    store.archive = packed("# Spec review: no changes\n")
    assert post(github, event(), "https://github.test") == "no changes, and nothing to update"
    assert not store.comments
    store.comments = [said(1, AUTHOR, f"{MARK}\nbreaking")]
    assert post(github, event(), "https://github.test") == "posted to #12"
    assert "no changes" in store.comments[0]["body"]


@pytest.mark.parametrize(
    "other",
    [pull(sha="0" * 40), pull(repository=5), pull(base="release")],
    ids=["a newer commit", "another repository", "another branch"],
)
def test_a_report_goes_to_no_other_pull_request(other: dict[str, Any], github: GitHub, store: Store) -> None:
    store.pulls = [other]
    assert post(github, event(), "https://github.test") == "no open pull request is at the commit that was reviewed"
    assert not store.comments and store.asked == [("GET", "pulls")]


@pytest.mark.parametrize(
    "changes",
    [
        {"event": "push"},
        {"path": ".github/workflows/other.yml"},
        {"head_sha": "main"},
        {"head_repository": None},
    ],
    ids=lambda each: next(iter(each)),
)
def test_another_run_is_left_alone(changes: dict[str, Any], github: GitHub, store: Store) -> None:
    post(github, event(**changes), "https://github.test")
    assert not store.asked


def test_a_run_without_a_report_says_so_in_place_of_an_old_report(github: GitHub, store: Store) -> None:
    store.comments = [said(1, AUTHOR, f"{MARK}\nharmless")]
    store.sizes = {4: 100}
    assert post(github, event(), "https://github.test") == "posted to #12"
    assert "not made" in store.comments[0]["body"] and "harmless" not in store.comments[0]["body"]


def test_of_a_run_that_was_repeated_the_last_report_counts(github: GitHub, store: Store) -> None:
    store.sizes = {6: 100, 8: 100, 7: 100}
    assert post(github, event(), "https://github.test") == "posted to #12"
    assert ("GET", "actions/artifacts/8/zip") in store.asked


def test_the_token_is_not_shown_to_the_store_of_artifacts(github: GitHub, store: Store) -> None:
    post(github, event(), "https://github.test")
    assert store.tokens_of_the_store == [None]


def test_an_artifact_that_says_to_be_large_is_not_fetched(github: GitHub, store: Store) -> None:
    store.sizes = {5: post_review.MOST_ARCHIVE + 1}
    with pytest.raises(Refused, match="larger"):
        post(github, event(), "https://github.test")
    assert ("GET", "actions/artifacts/5/zip") not in store.asked


def test_an_artifact_that_is_large_is_refused(github: GitHub, store: Store) -> None:
    store.archive = b"x" * (post_review.MOST_ARCHIVE + 10)
    with pytest.raises(Refused, match="larger"):
        post(github, event(), "https://github.test")


def test_more_comments_than_are_read_are_no_reason_for_another_one(github: GitHub, store: Store) -> None:
    store.comments = [said(number, "stranger", "hello") for number in range(post_review.MOST_PAGES * 100)]
    with pytest.raises(Refused, match="#12 has more comments"):
        post(github, event(), "https://github.test")
    assert len(store.comments) == post_review.MOST_PAGES * 100


def run_script(github: GitHub, folder: Path, **changes: Any) -> subprocess.CompletedProcess[str]:
    """The script as the workflow runs it."""
    (folder / "event.json").write_text(json.dumps(event(**changes)), encoding="utf-8")
    environment = {
        "PATH": os.environ["PATH"],
        "GITHUB_TOKEN": TOKEN,
        "GITHUB_API_URL": github.url,
        "GITHUB_SERVER_URL": "https://github.test",
        "GITHUB_REPOSITORY": WHOLE,
        "GITHUB_EVENT_PATH": str(folder / "event.json"),
    }
    command = [sys.executable, "-I", str(ROOT / "scripts" / "post_review.py")]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_the_command_posts(github: GitHub, store: Store, tmp_path: Path) -> None:
    done = run_script(github, tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "posted to #12\n", "")
    assert "breaking" in store.comments[0]["body"]


def test_a_refusal_of_github_is_one_line_and_an_exit_code(github: GitHub, store: Store, tmp_path: Path) -> None:
    store.status = 403
    done = run_script(github, tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "post_review: GET pulls was answered by 403\n"


def test_an_answer_that_is_no_answer_is_one_line_and_an_exit_code(github: GitHub, store: Store, tmp_path: Path) -> None:
    store.pulls = [{**pull(), "head": {"ref": "patch"}}]
    done = run_script(github, tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("post_review: GitHub's answer") and done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "archive",
    [b"", b"PK\x03\x04 no", packed("x", "other.md"), packed("x", "../report.md"), packed("y" * 300_000)],
    ids=["empty", "broken", "another name", "a path", "a bomb"],
)
def test_an_artifact_that_is_none_is_refused(archive: bytes) -> None:
    with pytest.raises(Refused):
        read_report(archive)


@pytest.mark.parametrize(
    ("text", "never"),
    [
        ("ask @everyone", "@everyone"),
        ("`@everyone` ``@team", "@everyone"),
        ("&#64;everyone &commat;team", "&#64;"),
        ("&commat;team", "&commat;"),
        ("![x](https://evil.test/p.png)", "!["),
        ("[click](https://evil.test)", "]("),
        ("[click][1]\n\n[1]: https://evil.test", "]:"),
        ("https://evil.test", "://"),
        ("<https://evil.test>", "<h"),
        ("www.evil.test", "www.e"),
        ("fixes #1", "#1"),
        ("closes GH-1", "GH-1"),
        ("<img src=x onerror=y>", "<img"),
        ("<details><script>", "<script"),
        ("<details ontoggle=x>", "<details "),
        ("<!-- hidden -->", "<!--"),
        (f"{MARK}\nforged", MARK),
        ("```mermaid\ngraph\n```", "```mermaid"),
        ("> ~~~geojson", "~~~geojson"),
        (r"$\color{red}\text{breaking}$", "$\\"),
        ("${x}$", "${"),
        ("a\u202eb", "\u202e"),
        ("a\x1b[2Jb\x00", "\x1b"),
    ],
)
def test_text_is_made_harmless(text: str, never: str) -> None:
    assert never in text
    assert never not in harmless(text)


def test_bytes_of_any_kind_are_a_report_or_refused() -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    whole = packed("# Spec review: breaking\n" * 20)
    for _ in range(2_000):
        broken = bytearray(whole)
        for _ in range(chance.randint(1, 4)):
            broken[chance.randrange(len(broken))] = chance.randrange(256)
        try:
            read_report(bytes(broken))
        except Refused as refused:
            assert "\n" not in str(refused)


def test_what_a_report_needs_stays() -> None:
    report = (
        "# Spec review: breaking\n\n| a | b |\n|---|---|\n| `x` | **major** |\n\n<details open><summary>s</summary>\n\n"
        "```diff\n- a: int\n+ a: str\n```\n\n</details>\n"
    )
    assert harmless(report) == report


@pytest.mark.parametrize("report", ["word @x word\n" * 15_000, "x" * 190_000, "@" * 190_000], ids=len)
def test_a_report_longer_than_a_comment_is_cut_and_says_so(report: str, github: GitHub, store: Store) -> None:
    store.archive = packed(report)
    assert post(github, event(), "https://github.test") == "posted to #12"
    body = store.comments[0]["body"]
    assert body.startswith(MARK) and 50_000 < len(body) <= 65_536
    assert "longer than a comment" in body.split("\n\n")[0]
