"""What a text from outside may hold."""

from __future__ import annotations


def is_utf8(text: str) -> bool:
    """False for a text from the environment or an argument whose bytes were no UTF-8."""
    return text.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in text)
