"""The vendors as test doubles: served from the compiled specs, stateful, with fault switches.

    with serve("emarsys") as mock:
        ...                                  # talk to mock.url with credentials_environment("emarsys")
        mock.stores["emarsys"].writes        # what was really stored, and by which request

`serve(specs=["sinch_batch"])` serves the operations of one spec alone; `build("emarsys").application` is the same mock
as an ASGI application, without a server.

The switches of a vendor are in its module, `headcount.mock.emarsys.EmarsysSwitches` and so on. What the network in
front of them can do is in `Fault`, under the name `network`. Needs the extra `mock`.
Not a model of the vendors' timing or of anything that the specs leave out.
"""

from __future__ import annotations

from headcount.errors import UsageError

try:
    from headcount.mock.faults import Fault, Network, Switches, read_faults_file
    from headcount.mock.proxy import FaultProxy, Happening
    from headcount.mock.server import Built, MockServer, build, credentials_environment, describe, run, serve
    from headcount.mock.store import Store, Write
except ModuleNotFoundError as missing:
    package = (missing.name or "").partition(".")[0]
    if package not in ("starlette", "uvicorn"):
        raise
    raise UsageError(f"headcount.mock needs {package}: pip install 'headcount[mock]'") from None

__all__ = [
    "Built",
    "Fault",
    "FaultProxy",
    "Happening",
    "MockServer",
    "Network",
    "Store",
    "Switches",
    "Write",
    "build",
    "credentials_environment",
    "describe",
    "read_faults_file",
    "run",
    "serve",
]
