"""Post the report of a review as one comment of its pull request, or update the comment that is there.

For .github/workflows/review-comment.yml, which runs with the right to write comments after a review that had no rights.
What that review hands over may have been written by anybody, so it is data here: no larger than a comment, in a form
that mentions nobody, links nowhere and holds no HTML but what folds. Which pull request it belongs to comes from
GitHub's event and GitHub's answers alone. A single file that needs the standard library and nothing else.

Environment: GITHUB_TOKEN, GITHUB_API_URL, GITHUB_EVENT_PATH, GITHUB_REPOSITORY, GITHUB_SERVER_URL. Exit code 0, also
where there is nothing to post; 1 with one line that says what GitHub refused or what of the artifact cannot be read.
"""

from __future__ import annotations

import io
import json
import os
import re
import struct
import sys
import unicodedata
import urllib.error
import urllib.parse
import urllib.request
import zipfile
import zlib
from http.client import HTTPMessage
from pathlib import Path
from typing import IO, Any

MARK = "<!-- headcount spec review -->"
AUTHOR = "github-actions[bot]"
ARTIFACT = "spec-review"
MEMBER = "report.md"
WORKFLOW = ".github/workflows/review.yml"
MOST_ARCHIVE = 1_000_000
MOST_REPORT = 200_000
MOST_COMMENT = 62_000
MOST_PAGES = 30
SECONDS = 30
UNCHANGED = "# Spec review: no changes"
NOT_MADE = "# Spec review: not made\n\nThe run ended without a report; its log says why."
INVISIBLE = "\N{ZERO WIDTH SPACE}"
ANGLE = "\N{SINGLE LEFT-POINTING ANGLE QUOTATION MARK}"
FOLDING = re.compile(r"<(/?(?:details|summary)|details open)>")
LINKS = re.compile(r"@|:(?=//)|!(?=\[)|\](?=[(\[:])|#(?=\d)|(?i:www)(?=\.)|(?i:GH)(?=-\d)|&(?=[#\w])|\$(?=\S)")
"""What makes a mention, an image, a link, a reference to an issue, an entity or a formula, when something follows."""
FENCE = re.compile(r"(?:`{3,}|~{3,})[ \t]*(?!diff$)(?=[^\s`~])", re.MULTILINE)
"""The start of a block that says what it holds, such as a diagram, which would be drawn."""
UNREADABLE = (
    zipfile.BadZipFile, zlib.error, struct.error, NotImplementedError, RuntimeError, OSError, EOFError, ValueError,
)  # fmt: skip
"""What the standard library raises at an archive that is none."""


class Refused(Exception):
    """Why nothing was posted, in one line."""


def harmless(text: str) -> str:
    """The report as it may stand under the name of the project's bot."""
    kept = "".join(each for each in text if each == "\n" or unicodedata.category(each)[0] != "C")
    folds = kept.split("<")
    parts = [folds[0]]
    parts += [f"<{part}" if FOLDING.match(f"<{part}") else f"{ANGLE}{part}" for part in folds[1:]]
    linkless = LINKS.sub(lambda found: found[0] + INVISIBLE, "".join(parts))
    return FENCE.sub(lambda found: found[0] + INVISIBLE, linkless)


def comment(report: str, commit: str, run: str) -> str:
    """The text of the comment. The first lines are ours, the rest is the report as far as a comment can hold it."""
    body = harmless(report.replace(MARK, "")).strip()
    cut = ""
    if len(body) > MOST_COMMENT:
        body = body[:MOST_COMMENT].rpartition("\n")[0] or body[:MOST_COMMENT]
        cut = " **The report is longer than a comment: the rest of it is in the run.**"
    told = f"_The report of the pull request's own run on commit {commit}: [the run]({run}) keeps the rendered specs._"
    return f"{MARK}\n{told}{cut}\n\n{body}\n"


def read_report(archive: bytes) -> str:
    """The report out of an artifact: one file of that name, no larger than it may be, nothing unpacked to disk."""
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as files:
            entries = [entry for entry in files.infolist() if entry.filename == MEMBER]
            if len(entries) != 1:
                raise Refused(f"the artifact holds no {MEMBER}")
            if entries[0].compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise Refused(f"{MEMBER} is packed in a way that no artifact is")
            with files.open(entries[0]) as file:
                content = file.read(MOST_REPORT + 1)
    except UNREADABLE as error:
        raise Refused(f"the artifact cannot be read: {type(error).__name__}") from None
    if len(content) > MOST_REPORT:
        raise Refused("the report is larger than a report is")
    return content.decode("utf-8", errors="replace")


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect is an answer, so that the token goes to GitHub's API and to nobody else."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> None:
        return None


class GitHub:
    """The calls that are needed, and no others."""

    def __init__(self, url: str, repository: str, token: str) -> None:
        if not re.fullmatch(r"[\w.-]+/[\w.-]+", repository):
            raise Refused("GITHUB_REPOSITORY is no repository")
        self.url, self.repository, self._token = url.rstrip("/"), repository, token
        self._opener = urllib.request.build_opener(NoRedirect)

    def call(self, method: str, path: str, body: dict[str, Any] | None = None, **query: str | int) -> Any:
        url = f"{self.url}/repos/{self.repository}/{path}"
        if query:
            url += "?" + urllib.parse.urlencode(query)
        request = urllib.request.Request(url, method=method, data=json.dumps(body).encode() if body else None)
        for name, value in self._headers().items():
            request.add_header(name, value)
        try:
            with self._opener.open(request, timeout=SECONDS) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise Refused(f"{method} {path} was answered by {error.code}") from None
        except (OSError, ValueError) as error:
            raise Refused(f"{method} {path} failed: {type(error).__name__}") from None

    def archive(self, artifact: int) -> bytes:
        """The bytes of an artifact. GitHub answers with the address of a store, which is not given the token."""
        request = urllib.request.Request(f"{self.url}/repos/{self.repository}/actions/artifacts/{artifact}/zip")
        for name, value in self._headers().items():
            request.add_header(name, value)
        try:
            self._opener.open(request, timeout=SECONDS).close()
        except urllib.error.HTTPError as error:
            target = str(error.headers.get("Location", "")) if error.code in (301, 302, 303, 307, 308) else ""
        except OSError as error:
            raise Refused(f"the artifact cannot be fetched: {type(error).__name__}") from None
        else:
            target = ""
        if urllib.parse.urlsplit(target).scheme != urllib.parse.urlsplit(self.url).scheme:
            raise Refused("the artifact has no address")
        try:
            with self._opener.open(target, timeout=SECONDS) as answer:
                content: bytes = answer.read(MOST_ARCHIVE + 1)
        except OSError as error:
            raise Refused(f"the artifact cannot be fetched: {type(error).__name__}") from None
        if len(content) > MOST_ARCHIVE:
            raise Refused("the artifact is larger than a report is")
        return content

    def _headers(self) -> dict[str, str]:
        return {
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {self._token}",
            "User-Agent": "headcount-review",
            "X-GitHub-Api-Version": "2022-11-28",
        }


def pull_requests(github: GitHub, run: dict[str, Any], branch: str) -> list[int]:
    """The open pull requests against a branch whose newest commit is the one that was reviewed."""
    head = run["head_repository"]
    name = f"{head['owner']['login']}:{run['head_branch']}"
    found = github.call("GET", "pulls", state="open", head=name, base=branch, per_page=100)
    return [
        int(each["number"])
        for each in found
        if each["head"]["sha"] == run["head_sha"]
        and (each["head"]["repo"] or {}).get("id") == head["id"]
        and each["base"]["repo"]["full_name"] == github.repository
    ]


def artifact_of(github: GitHub, run: int) -> int | None:
    """The report of a run; of a run that was repeated, the last one."""
    answer = github.call("GET", f"actions/runs/{run}/artifacts", name=ARTIFACT, per_page=100)
    found = [each for each in answer["artifacts"] if each["name"] == ARTIFACT and not each["expired"]]
    newest = max(found, key=lambda each: int(each["id"]), default=None)
    if newest is not None and newest["size_in_bytes"] > MOST_ARCHIVE:
        raise Refused("the artifact is larger than a report is")
    return int(newest["id"]) if newest else None


def own_comment(github: GitHub, number: int) -> int | None:
    """The comment to update. The mark alone proves nothing: anybody can write it."""
    for page in range(1, MOST_PAGES + 1):
        found = github.call("GET", f"issues/{number}/comments", per_page=100, page=page)
        for each in found:
            if (each["user"] or {}).get("login") == AUTHOR and str(each["body"]).startswith(MARK):
                return int(each["id"])
        if len(found) < 100:
            return None
    raise Refused(f"#{number} has more comments than are read: delete some, or the report would be posted twice")


def post(github: GitHub, event: dict[str, Any], server: str) -> str:
    """What was done, in one line."""
    run = event["workflow_run"]
    if run["event"] != "pull_request" or str(run.get("path", "")).partition("@")[0] != WORKFLOW:
        return "not the run of a review"
    if not re.fullmatch(r"[0-9a-f]{40}", run["head_sha"]) or run["head_repository"] is None:
        return "the pull request's repository is gone"
    numbers = pull_requests(github, run, event["repository"]["default_branch"])
    if not numbers:
        return "no open pull request is at the commit that was reviewed"
    artifact = artifact_of(github, int(run["id"]))
    report = NOT_MADE if artifact is None else read_report(github.archive(artifact))
    unchanged = report.replace(MARK, "").lstrip().startswith(UNCHANGED)
    text = comment(report, run["head_sha"], f"{server}/{github.repository}/actions/runs/{int(run['id'])}")
    done = []
    for number in numbers:
        known = own_comment(github, number)
        if known is not None:
            github.call("PATCH", f"issues/comments/{known}", {"body": text})
        elif unchanged:
            continue
        else:
            github.call("POST", f"issues/{number}/comments", {"body": text})
        done.append(f"#{number}")
    return f"posted to {', '.join(done)}" if done else "no changes, and nothing to update"


def main() -> int:
    try:
        event = json.loads(Path(os.environ["GITHUB_EVENT_PATH"]).read_text(encoding="utf-8"))
        github = GitHub(
            os.environ.get("GITHUB_API_URL", "https://api.github.com"),
            os.environ["GITHUB_REPOSITORY"],
            os.environ["GITHUB_TOKEN"],
        )
        print(post(github, event, os.environ.get("GITHUB_SERVER_URL", "https://github.com")))
    except Refused as refused:
        print(f"post_review: {refused}", file=sys.stderr)
        return 1
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        print(f"post_review: GitHub's answer or the environment is not as expected: {error!r:.200}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
