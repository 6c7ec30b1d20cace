"""The neutral record of a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs


@attrs.frozen(kw_only=True)
class Contact:
    """A person, in words that fit every vendor. What is None is absent and is never sent.

    A field that the destination has no place for is left out; the load's `warnings` name it.
    """

    external_id: str | None = attrs.field(default=None, repr=False)
    email: str | None = attrs.field(default=None, repr=False)
    phone: str | None = attrs.field(default=None, repr=False)
    """A number with its dialing code, or one of `default_region`."""
    name: str | None = attrs.field(default=None, repr=False)
    given_name: str | None = attrs.field(default=None, repr=False)
    surname: str | None = attrs.field(default=None, repr=False)
    language: str | None = attrs.field(default=None, repr=False)
    """A BCP-47 tag or the vendor's own code."""
    consent: bool | None = None
    """True for yes, False for no, None for not known: absent is never turned into either."""
    tags: Sequence[str] | None = attrs.field(default=None, repr=False)
    attributes: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    """The vendor's custom fields by name."""
