"""The command: arguments and printing, and nothing else. What it does is in `headcount.runs`."""

from __future__ import annotations

import gc
import os
import sys
import traceback
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; answers its exit code. `arguments` None takes those of the process."""
    from typer import Abort, TyperException

    from headcount.cli import screen
    from headcount.core.text import is_utf8
    from headcount.errors import HeadcountError, RunLocked, UsageError

    given = sys.argv[1:] if arguments is None else arguments
    # Contacts come and go by the million, hardly a cycle among them: the collector need not look each thousand.
    gc.set_threshold(100_000, 20, 20)
    try:
        if not all(map(is_utf8, given)):
            raise UsageError("an argument holds bytes that are not UTF-8")
        from headcount.cli.application import application

        code = application(arguments, prog_name="headcount", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except HeadcountError as error:
        screen.say(str(error))
        return 2 if isinstance(error, UsageError) else 6 if isinstance(error, RunLocked) else 4
    except Abort:
        return 130
    except TyperException as error:
        screen.complain(error)
        return 2
    except KeyboardInterrupt:
        screen.say("interrupted; nothing is under way")
        return 130
    except Exception as error:  # noqa: BLE001 one line, whatever it is
        if os.environ.get("HEADCOUNT_TRACEBACK"):
            traceback.print_exc()
        else:
            screen.say(f"this should not have happened: {type(error).__name__}; HEADCOUNT_TRACEBACK=1 shows where")
        return 4
    finally:
        screen.flush(sys.stdout)
        screen.flush(sys.stderr)
