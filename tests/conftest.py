"""What every test can count on."""

from __future__ import annotations

import signal

from hypothesis import settings

# A shell starts what it puts into the background with SIGINT ignored, and children inherit that; a function, on the
# other hand, does not survive the start of a program, so that the commands of the tests begin with the default.
signal.signal(signal.SIGINT, signal.default_int_handler)

# A test passes or fails by what it sees, never by how long a busy machine took.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
