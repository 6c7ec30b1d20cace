"""How a load goes about it, apart from where its contacts come from and go to."""

from __future__ import annotations

import attrs

from headcount.core.batches import Limits
from headcount.core.error_limit import ErrorLimit
from headcount.errors import UsageError


@attrs.frozen
class Settings:
    """How a load goes about it: the arguments of `load`, checked. Raises UsageError."""

    mode: str = "create"
    concurrency: int | None = None
    requests_per_second: float | None = None
    max_batch: int | None = None
    max_errors: int | str | None = None
    deadline: float | None = None
    attempt_timeout: float = 60.0
    repeats: bool = True
    ordered: bool = True

    def __attrs_post_init__(self) -> None:
        for name in ("concurrency", "max_batch"):
            value = getattr(self, name)
            if value is not None and not (type(value) is int and value > 0):
                raise UsageError(f"{name} is a whole number above 0, not {value!r}")
        for name in ("requests_per_second", "attempt_timeout"):
            value = getattr(self, name)
            if value is None and name != "attempt_timeout":
                continue
            if not (isinstance(value, (int, float)) and 0 < value < float("inf")):
                raise UsageError(f"{name} is a number above 0, not {value!r}")
        deadline = self.deadline
        if deadline is not None and not (isinstance(deadline, (int, float)) and 0 <= deadline < float("inf")):
            raise UsageError(f"deadline is a number of seconds, not {deadline!r}")
        self.error_limit()

    def error_limit(self) -> ErrorLimit | None:
        """The error limit: None when there is none."""
        if self.max_errors is None:
            return None
        text = str(self.max_errors)
        percent = text.endswith("%")
        try:
            count = float(text.removesuffix("%")) if percent else int(text)
        except ValueError:
            count = -1
        if not 0 <= count < float("inf"):
            raise UsageError(f"max_errors is a whole number or a percentage such as 5%, not {text!r}")
        return ErrorLimit(count, percent)

    def limits(self, vendor: Limits) -> Limits:
        """The vendor's limits, with `max_batch` if it is smaller."""
        if self.max_batch is None:
            return vendor
        if self.max_batch > vendor.max_contacts:
            raise UsageError(f"max_batch is at most {vendor.max_contacts} here, not {self.max_batch}")
        return attrs.evolve(vendor, max_contacts=self.max_batch)
