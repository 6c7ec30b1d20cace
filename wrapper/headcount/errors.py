"""The exceptions, named by what the caller should do next.

    HeadcountError
    |-- UsageError              correct the call, the mapping or the configuration; nothing was sent
    |   |-- SourceError         the source cannot be read at all, or lacks what the load needs
    |-- CallError               a single call did not bring what it was made for; `problem` says why
    |   |-- RefusedError        correct the request: the vendor refused it, and did nothing
    |   |   |-- NotFoundError   what the request speaks of is not there
    |   |   |-- ConflictError   it is there already, or the request fits several
    |   |-- RetryLaterError     send it again, after `wait` seconds if the vendor named them: nothing was done
    |   |-- UnknownOutcomeError ask the vendor before sending it again: it may have been done
    |-- FatalError              a run cannot go on, and no call is better made again
    |   |-- CredentialsError    the vendor refused the credentials, or they could not be had
    |   |-- EndpointError       the address does not speak the vendor's API
    |   |-- BatchRefusedError   every batch is refused for a cause common to all
    |   |-- JournalError        the journal cannot be read or written
    |   |-- InputChanged        the input is not the one that the run began with
    |-- RunLocked               another process works on the run; wait for it

In a load a contact's own failure never raises: it is an outcome. A single call raises a CallError, UsageError,
CredentialsError or EndpointError, and nothing else.
"""

from __future__ import annotations

from headcount.outcome import Problem


class HeadcountError(Exception):
    """Anything that headcount raises on purpose. The text is one line and holds no personal data."""


class UsageError(HeadcountError):
    """The call, the mapping or the configuration is wrong; nothing was sent."""


class SourceError(UsageError):
    """The source cannot be read at all, or lacks what the load needs."""


class CallError(HeadcountError):
    """A single call did not bring what it was made for. `problem` says why, in the words of a load's outcomes."""

    def __init__(self, text: str, problem: Problem) -> None:
        # All of it goes into `args`, so that it can be copied and pickled.
        super().__init__(text, problem)
        self.problem = problem

    def __str__(self) -> str:
        return str(self.args[0])


class RefusedError(CallError):
    """The vendor refused the request and did nothing. Unchanged it will be refused again."""


class NotFoundError(RefusedError):
    """What the request speaks of is not there."""


class ConflictError(RefusedError):
    """What the request would make is there already, or it fits more than one."""


class RetryLaterError(CallError):
    """Nothing was done: the request never left whole, was turned away for now, or only asked and got no answer.

    It is safe to send it again. `wait` is how many seconds the vendor asked to wait, or None.
    """

    def __init__(self, text: str, problem: Problem, wait: float | None = None) -> None:
        super().__init__(text, problem)
        self.args = (text, problem, wait)
        self.wait = wait


class UnknownOutcomeError(CallError):
    """The request was handed over and no readable answer came: it may have been done. Ask before sending it again."""


class FatalError(HeadcountError):
    """The run cannot go on. What it had settled is in its journal. A single call raises one for what no other call
    to the same account and address escapes."""


class CredentialsError(FatalError):
    """The vendor refused the credentials, or no token could be had with them."""


class EndpointError(FatalError):
    """The address does not speak the vendor's API: a redirect, a missing path, a wrong method."""


class BatchRefusedError(FatalError):
    """The vendor refuses whole batches for a cause common to all; the text names the code."""


class JournalError(FatalError):
    """The journal cannot be read or written: disk full, damaged, or made by a newer version."""


class InputChanged(FatalError):
    """The input does not begin with what the run has already read."""


class RunLocked(HeadcountError):
    """Another process works on this run."""
