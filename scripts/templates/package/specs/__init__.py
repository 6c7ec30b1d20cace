"""The specs as JSON, so that nothing parses YAML at run time."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def load(name: str) -> dict[str, Any]:
    """Give the spec `name`, that of its file in specs/ such as `sinch_batch`, as parsed JSON.

    Every `$ref` in it starts with `#/`. All callers share one object: do not change it.
    Raises FileNotFoundError where there is no such spec.
    """
    text = files(__name__).joinpath(f"{name}.json").read_text(encoding="utf-8")
    document: dict[str, Any] = json.loads(text)
    return document
