"""The exceptions, named by what the caller should do next.

    HeadcountError
    |-- UsageError              correct the call, the mapping or the configuration; nothing was sent
    |   |-- SourceError         the source cannot be read at all, or lacks what the load needs
    |-- FatalError              a run cannot go on; what it had settled is in its journal
    |   |-- CredentialsError    the vendor refused the credentials, or they could not be had
    |   |-- EndpointError       the address does not speak the vendor's API
    |   |-- BatchRefusedError   every batch is refused for a cause common to all
    |   |-- JournalError        the journal cannot be read or written
    |   |-- InputChanged        the input is not the one that the run began with
    |-- RunLocked               another process works on the run; wait for it

In a load a contact's own failure never raises: it is an outcome.
"""

from __future__ import annotations


class HeadcountError(Exception):
    """Anything that headcount raises on purpose. The text is one line and holds no personal data."""


class UsageError(HeadcountError):
    """The call, the mapping or the configuration is wrong; nothing was sent."""


class SourceError(UsageError):
    """The source cannot be read at all, or lacks what the load needs."""


class FatalError(HeadcountError):
    """The run cannot go on. What it had settled is in its journal."""


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
