"""Why a spec is not taken, and where in it."""

from __future__ import annotations

from dataclasses import dataclass, field

MAX_REFUSALS = 100


@dataclass(frozen=True, slots=True)
class Refusal:
    """One thing that is wrong: where it stands (`specs/x.yaml:12`), what it is, what to write instead."""

    where: str
    wrong: str
    instead: str

    def __str__(self) -> str:
        return f"{self.where}: {self.wrong}; write this instead: {self.instead}"


class Refused(Exception):
    """A spec that no generator may see, with everything that is wrong with it."""

    def __init__(self, refusals: tuple[Refusal, ...]) -> None:
        super().__init__("\n".join(map(str, refusals)))
        self.refusals = refusals


@dataclass(slots=True)
class Refusals:
    """Collects the refusals of one file, each once, and no more than a reader can bear."""

    file: str
    found: list[Refusal] = field(default_factory=list)

    def add(self, line: int, wrong: str, instead: str) -> None:
        refusal = Refusal(f"{self.file}:{line}", wrong, instead)
        if len(self.found) < MAX_REFUSALS and refusal not in self.found:
            self.found.append(refusal)

    def stop(self, line: int, wrong: str, instead: str) -> Refused:
        """End with this one, because what follows it cannot be read."""
        self.add(line, wrong, instead)
        return self.refused()

    def refused(self) -> Refused:
        return Refused(tuple(sorted(self.found, key=lambda each: int(each.where.rsplit(":", 1)[1]))))


def shown(text: str, length: int = 60) -> str:
    """A text from a spec as a message may carry it: on one line, visible and short."""
    return ascii(text if len(text) <= length else text[:length] + "...")
