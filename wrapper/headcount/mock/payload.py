"""A request body as it came: read once, judged later."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn
from urllib.parse import parse_qsl

import attrs

FORM = "application/x-www-form-urlencoded"


@attrs.frozen
class Payload:
    """A body, its media type without parameters, and its JSON value or why it has none."""

    content: bytes
    media_type: str
    too_large: bool = False
    value: Any = None
    fault: str | None = None

    @classmethod
    def read(cls, content: bytes, content_type: str, *, too_large: bool = False) -> Payload:
        """The payload of a body; never raises."""
        media_type = content_type.partition(";")[0].strip().lower()
        if too_large:
            return cls(b"", media_type, too_large=True)
        try:
            value = _form(content) if media_type == FORM else _json(content)
        except RecursionError:
            return cls(content, media_type, fault="nested too deeply")
        except ValueError:
            return cls(content, media_type, fault="not decodable")
        return cls(content, media_type, value=value)


def _json(content: bytes) -> Any:
    value = json.loads(content.decode(), parse_constant=_refuse, parse_float=_finite)
    if b"\\u" in content:
        # An unpaired surrogate is not text, and no reply could carry it.
        json.dumps(value, ensure_ascii=False).encode()
    return value


def _form(content: bytes) -> dict[str, Any]:
    form: dict[str, list[str]] = {}
    for name, value in parse_qsl(content.decode(), keep_blank_values=True, max_num_fields=1000):
        form.setdefault(name, []).append(value)
    return {name: values[0] if len(values) == 1 else values for name, values in form.items()}


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _finite(text: str) -> float:
    if not math.isfinite(value := float(text)):
        raise ValueError("out of range")
    return value
