"""Acme Audiences, a made-up vendor: a destination of headcount that lives outside of it."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

SPEC: dict[str, Any] = json.loads(files(__name__).joinpath("acme.json").read_text(encoding="utf-8"))
"""The vendor's interface, compiled: destination and mock are both held to it."""
