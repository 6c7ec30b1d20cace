"""The rendered page of a spec, sealed: it loads nothing, tells nobody, and runs no script but its own.

Redoc puts its scripts into the page, and still asks for a logo, reports to its maker, and shows HTML out of a
description as it stands. A spec is a stranger's text, and its page is opened by those who review it; a Content
Security Policy inside the page holds it to what it brought along.
"""

from __future__ import annotations

import base64
import hashlib
from html.parser import HTMLParser
from typing import Any

from .verdict import Unusable

OPTIONS: dict[str, Any] = {
    "jsonSamplesExpandLevel": "all",
    "schemasExpansionLevel": "all",
    "showExtensions": ["x-evidence", "x-evidence-of"],
}
"""How Redoc shows a spec: with its evidence, and nothing folded inside an operation."""
SCRIPTS = 2
"""One chooses the colours, the other is Redoc with the spec."""
POLICY = (
    "default-src 'none'; script-src {}; worker-src blob:; style-src 'unsafe-inline'; img-src data:; font-src data:; "
    "connect-src blob: data:; form-action 'none'; base-uri 'none'"
)
HEAD = "<head>\n"


class Scripts(HTMLParser):
    """Collects the scripts of a page as a browser takes them."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._open = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "script":
            self._open = True
            self.found.append("")
            if any(name == "src" for name, _ in attrs):
                raise Unusable("the rendered page loads a script: it is not kept")

    def handle_endtag(self, tag: str) -> None:
        if tag == "script":
            self._open = False

    def handle_data(self, data: str) -> None:
        if self._open:
            self.found[-1] += data


def sealed(page: str) -> str:
    """The page with the policy in it. Raises Unusable if it is not as Redoc makes it."""
    scripts = Scripts()
    scripts.feed(page)
    scripts.close()
    if len(scripts.found) != SCRIPTS:
        raise Unusable(f"the rendered page holds {len(scripts.found)} scripts, not {SCRIPTS}: it is not kept")
    if page.count(HEAD, 0, 200) != 1:
        raise Unusable("the rendered page does not begin as Redoc's pages do: it is not kept")
    hashes = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts.found)
    policy = POLICY.format(" ".join(f"'sha256-{each}'" for each in hashes))
    return page.replace(HEAD, f'{HEAD}  <meta http-equiv="Content-Security-Policy" content="{policy}">\n', 1)
