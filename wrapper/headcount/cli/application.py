"""The commands and their arguments."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from headcount.cli import screen
from headcount.errors import UsageError

if TYPE_CHECKING:
    from headcount.destinations.base import Endpoint
    from headcount.ending import Result
    from headcount.outcome import Report
    from headcount.runs import Run, RunSettings

    Make = Callable[[Callable[[Report], None]], Run]

_OPTION_FLAGS = ("key_field", "channel", "on_duplicate", "default_region")
"""The options of vendors that have a flag of their own beside --option."""
_EXIT_CODES = """\
Exit codes: 0 every contact good or skipped; 1 some rejected; 2 usage, configuration or an unusable source;
3 stopped at the error limit; 4 fatal (credentials, endpoint, disk, input changed); 5 some unknown or not_sent;
6 the run is locked by another process; 130 or 143 stopped by a signal.
"""

application = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Create contacts in bulk on Sinch Conversation, Emarsys and Pabbly Chatflow, and account for every one.",
    epilog=_EXIT_CODES,
)


class Output(StrEnum):
    """Who reads standard output."""

    HUMAN = "human"
    JSON = "json"


SourceFile = Annotated[str, typer.Argument(metavar="SOURCE", help="A CSV or JSON Lines file; - is standard input.")]
To = Annotated[str, typer.Option("--to", metavar="NAME", help="A vendor, or a destination of headcount.toml.")]
Maps = Annotated[
    list[str] | None,
    typer.Option("--map", metavar="FIELD=COLUMN", help="Send a column to a field of the vendor; repeatable."),
]
Sets = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="FIELD=VALUE", help="Fill a field where it is absent; repeatable."),
]
RunDir = Annotated[Path | None, typer.Option(metavar="DIR", help="The run's folder. [default: runs/<UTC time>-NAME]")]
Endpoints = Annotated[
    list[str] | None,
    typer.Option("--endpoint", metavar="[SERVICE=]URL", help="Scheme, host and port instead of the vendor's own."),
]
Mode = Annotated[
    str,
    typer.Option(
        metavar="MODE",
        help="create; Emarsys: update, upsert and delete, too; Sinch: delete, by --map id=COLUMN; Pabbly: upsert.",
    ),
]
KeyField = Annotated[
    str | None,
    typer.Option(
        metavar="F", help="Emarsys: the field that identifies; to update or delete also id or uid. [default: 3]"
    ),
]
Channel = Annotated[str | None, typer.Option(metavar="C", help="Sinch: the channel of phone numbers. [default: SMS]")]
OnDuplicate = Annotated[
    str | None,
    typer.Option(metavar="skip|overwrite", help="Pabbly: what a create does with contacts that exist. [default: skip]"),
]
DefaultRegion = Annotated[
    str | None, typer.Option(metavar="R", help="The country of phone numbers without a dialing code, such as GB.")
]
Options = Annotated[
    list[str] | None,
    typer.Option("--option", metavar="NAME=VALUE", help="A setting of this vendor's own; repeatable."),
]
AllowRepeats = Annotated[bool, typer.Option("--allow-repeats", help="Send rows with a key that came before, too.")]
Limit = Annotated[int | None, typer.Option(min=1, metavar="N", help="Only the first N rows.")]
MaxErrors = Annotated[
    str | None, typer.Option(metavar="N|N%", help="Stop when more rows than this are rejected or unknown.")
]
Deadline = Annotated[float | None, typer.Option(metavar="S", help="Seconds for the whole load.")]
Concurrency = Annotated[int | None, typer.Option(metavar="N", help="Calls in flight at most.")]
PerSecond = Annotated[float | None, typer.Option("--requests-per-second", metavar="N", help="Calls that may start.")]
MaxBatch = Annotated[int | None, typer.Option(metavar="N", help="Contacts in a call at most.")]
As = Annotated[Output, typer.Option("--output", help="json: summary.json on standard output.")]
Config = Annotated[Path | None, typer.Option(metavar="FILE", help="Destinations. [default: headcount.toml, if there]")]
RunFolderArgument = Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run.")]


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        screen.tell(f"headcount {version('headcount')}")
        raise typer.Exit


@application.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_show_version, help="Show the version.")
    ] = False,
) -> None: ...


@application.command(help="Load the contacts of SOURCE, and account for every row.", epilog=_EXIT_CODES)
def load(
    source: SourceFile,
    to: To,
    map: Maps = None,
    set: Sets = None,
    run_dir: RunDir = None,
    endpoint: Endpoints = None,
    mode: Mode = "create",
    key_field: KeyField = None,
    channel: Channel = None,
    on_duplicate: OnDuplicate = None,
    default_region: DefaultRegion = None,
    option: Options = None,
    allow_repeats: AllowRepeats = False,
    limit: Limit = None,
    max_errors: MaxErrors = None,
    deadline: Deadline = None,
    concurrency: Concurrency = None,
    requests_per_second: PerSecond = None,
    max_batch: MaxBatch = None,
    output: As = Output.HUMAN,
    config: Config = None,
) -> int:
    settings = _settings(locals())
    from headcount.runs import begin

    return _work(lambda show: begin(settings, run_dir, show), settings, output)


@application.command(help="Say what a load would do: rows, batches, calls, time. Without network or credentials.")
def plan(
    source: SourceFile,
    to: To,
    map: Maps = None,
    set: Sets = None,
    endpoint: Endpoints = None,
    mode: Mode = "create",
    key_field: KeyField = None,
    channel: Channel = None,
    on_duplicate: OnDuplicate = None,
    default_region: DefaultRegion = None,
    option: Options = None,
    allow_repeats: AllowRepeats = False,
    limit: Limit = None,
    concurrency: Concurrency = None,
    requests_per_second: PerSecond = None,
    max_batch: MaxBatch = None,
    output: As = Output.HUMAN,
    config: Config = None,
) -> int:
    settings = _settings({"max_errors": None, "deadline": None, **locals()})
    from headcount.cli.reports import show_plan
    from headcount.plan import make_plan

    show_plan(make_plan(settings), as_json=output is Output.JSON)
    return 0


@application.command(help="Carry a stopped run on: sends what is not_sent, and never what is unknown.")
def resume(run: RunFolderArgument, output: As = Output.HUMAN) -> int:
    from headcount.run_folder import RunFolder
    from headcount.runs import RunSettings
    from headcount.runs import resume as carry_on

    folder = RunFolder.open(run)
    return _work(lambda show: carry_on(folder, show), RunSettings.of(folder), output)


@application.command(
    help="Ask the vendor what became of unknown and accepted rows. Nothing is sent, unless with --resend.",
    epilog=_EXIT_CODES,
)
def reconcile(
    run: RunFolderArgument,
    resend: Annotated[
        bool, typer.Option("--resend", help="Then send what is not_sent, as resume does; never what stays unknown.")
    ] = False,
    max_calls: Annotated[int | None, typer.Option(min=0, metavar="N", help="Calls that ask, at most.")] = None,
    confirmations: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Sinch: what a webhook receiver has noted; SINCH_WEBHOOK_SECRET reads it."),
    ] = None,
    output: As = Output.HUMAN,
) -> int:
    from headcount.run_folder import RunFolder
    from headcount.runs import RunSettings
    from headcount.runs import reconcile as ask
    from headcount.runs import resume as carry_on

    folder = RunFolder.open(run)
    return _work(
        lambda show: ask(folder, show, max_calls=max_calls, confirmations=confirmations),
        RunSettings.of(folder),
        output,
        then=(lambda show: carry_on(folder, show)) if resend else None,
    )


@application.command(help="The counts of a run, which may be under way.")
def status(run: RunFolderArgument, output: As = Output.HUMAN) -> int:
    from headcount.cli.reports import show_state
    from headcount.runs import look_at

    show_state(run, look_at(run), as_json=output is Output.JSON)
    return 0


@application.command(help="Serve the vendors on this machine, as test doubles, until a signal comes.")
def mock(
    vendors: Annotated[list[str] | None, typer.Argument(metavar="[VENDOR]...", help="Which; all by default.")] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, metavar="N", help="0 takes a free one.")] = 0,
    faults: Annotated[Path | None, typer.Option(metavar="FILE", help="What they do wrong on purpose.")] = None,
    spec: Annotated[list[str] | None, typer.Option(metavar="NAME", help="Only the operations of this spec.")] = None,
) -> int:
    from headcount.mock import describe, read_faults_file, run

    def announce(url: str) -> None:
        for line in describe(vendors or [], url, spec or []):
            screen.tell(line)

    run(vendors or [], port, read_faults_file(faults) if faults else None, announce, spec or [])
    return 0


def _settings(flags: dict[str, Any]) -> RunSettings:
    """What the flags, the configuration file and the defaults come to; a flag goes before the file."""
    from headcount.configuration import TUNING, configured
    from headcount.runs import RunSettings
    from headcount.settings import Settings

    named = configured(flags["to"], flags["config"])
    options = _pairs("--option", "NAME=VALUE", flags["option"] or [])
    for name in _OPTION_FLAGS:
        if flags[name] is not None:
            if name in options:
                raise UsageError(f"--{name.replace('_', '-')} and --option {name} are the same setting")
            options[name] = flags[name]
    tuning = {key: flags[key] for key in TUNING if flags[key] is not None}
    source = flags["source"]
    return RunSettings(
        destination=flags["to"],
        vendor=named.vendor,
        source=source if source == "-" else str(Path(source).absolute()),
        options={**named.options, **options},
        endpoint=_endpoint(flags["endpoint"] or [], named.endpoint),
        mapped={**named.mapped, **_pairs("--map", "FIELD=COLUMN", flags["map"] or [])},
        constants={**named.constants, **_pairs("--set", "FIELD=VALUE", flags["set"] or [])},
        limit=flags["limit"],
        load=Settings(
            mode=flags["mode"],
            max_errors=flags["max_errors"],
            deadline=flags["deadline"],
            repeats=not flags["allow_repeats"],
            **{**named.tuning, **tuning},
        ),
    )


def _pairs(flag: str, form: str, texts: list[str]) -> dict[str, str]:
    pairs = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not (name and equals and value):
            raise UsageError(f"{flag} takes {form}, not {text!r}")
        if name in pairs:
            raise UsageError(f"{flag} names {name} twice")
        pairs[name] = value
    return pairs


def _endpoint(texts: list[str], configured: Endpoint) -> str | dict[str, str] | None:
    """One address, or addresses by service; "" stands for all the other services."""
    if not texts:
        return configured if isinstance(configured, str) or configured is None else dict(configured)
    services = {}
    for text in texts:
        service, equals, url = text.partition("=")
        if not equals or "/" in service:
            service, url = "", text
        services[service] = url
    return services[""] if list(services) == [""] else services


def _work(make: Make, settings: RunSettings, output: Output, then: Make | None = None) -> int:
    """Work on the run that `make` begins or carries on, and show what came of it; answers the exit code.

    `then` carries it on once more, if nothing ended it before its time.
    """
    from headcount.cli.progress import Progress
    from headcount.cli.reports import show_result
    from headcount.cli.signals import Signals

    with Progress(settings.source, settings.limit) as progress:

        def work(make: Make) -> tuple[Run, Result]:
            def show(report: Report) -> None:
                progress.warn(run.warnings)
                progress.show(report)

            run = make(show)
            if make is not then:
                screen.say(f"run folder {run.folder.path}")
            with Signals(run):
                result = run.work()
                progress.warn(run.warnings)
            return run, result

        run, result = work(make)
        if then is not None and result.report.stop is None and result.exit_code < 128:
            run, result = work(then)
    show_result(run, result, as_json=output is Output.JSON)
    return result.exit_code
