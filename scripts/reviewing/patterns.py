"""Whether one regular expression of a schema takes every text that another takes.

Decided, not guessed: both become automata, and every text that one takes is followed through the other. What does not
become one (look-around, back-references), or grows too large, counts as not taken, which is the careful answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from re import _constants as constants  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

import attrs

MOST_STATES = 4_000
MOST_STEPS = 3_000_000
LAST = 0x10FFFF
Ranges = tuple[tuple[int, int], ...]
ANY: Ranges = ((0, LAST),)
CATEGORIES: dict[Any, Ranges] = {
    constants.CATEGORY_DIGIT: ((48, 57),),
    constants.CATEGORY_WORD: ((48, 57), (65, 90), (95, 95), (97, 122)),
    constants.CATEGORY_SPACE: ((9, 13), (32, 32), (160, 160), (5760, 5760), (8192, 8202), (8232, 8233), (8239, 8239),
                               (8287, 8287), (12288, 12288), (65279, 65279)),
}  # fmt: skip
OPPOSITES = {
    constants.CATEGORY_NOT_DIGIT: constants.CATEGORY_DIGIT,
    constants.CATEGORY_NOT_WORD: constants.CATEGORY_WORD,
    constants.CATEGORY_NOT_SPACE: constants.CATEGORY_SPACE,
}
BEGIN, END = "begin", "end"


class Undecided(Exception):
    """The pattern is more than an automaton can tell, or larger than is worth it."""


def includes(outer: str, inner: str) -> bool:
    """Whether `outer` is known to take every text that `inner` takes. As in a schema, a match anywhere is one."""
    if outer == inner:
        return True
    try:
        return _included(_automaton(inner), _automaton(outer))
    except (Undecided, re.error, OverflowError, RecursionError):
        return False


@attrs.define
class Automaton:
    """States are numbers. A move eats one character of its ranges, a jump none; it may ask for an end of the text."""

    moves: list[list[tuple[Ranges, int]]] = attrs.field(factory=list)
    jumps: list[list[tuple[str, int]]] = attrs.field(factory=list)
    start: int = 0
    accepting: int = 0

    def state(self) -> int:
        if len(self.moves) >= MOST_STATES:
            raise Undecided
        self.moves.append([])
        self.jumps.append([])
        return len(self.moves) - 1

    def reach(self, states: Iterable[int], begin: bool, end: bool) -> frozenset[int]:
        found = set(states)
        waiting = list(found)
        while waiting:
            for asked, target in self.jumps[waiting.pop()]:
                if target not in found and (not asked or (asked == BEGIN and begin) or (asked == END and end)):
                    found.add(target)
                    waiting.append(target)
        return frozenset(found)

    def step(self, states: frozenset[int], character: int) -> frozenset[int]:
        found = {
            target
            for state in states
            for ranges, target in self.moves[state]
            if any(low <= character <= high for low, high in ranges)
        }
        return self.reach(found, False, False)

    def accepts(self, states: frozenset[int], begin: bool) -> bool:
        return self.accepting in self.reach(states, begin, True)


def _automaton(pattern: str) -> Automaton:
    found = Automaton()
    found.start, found.accepting = found.state(), found.state()
    first = found.state()
    found.moves[found.start].append((ANY, found.start))
    found.jumps[found.start].append(("", first))
    last = _add(found, parser.parse(pattern), first)
    found.jumps[last].append(("", found.accepting))
    found.moves[found.accepting].append((ANY, found.accepting))
    return found


def _add(automaton: Automaton, parsed: Any, start: int) -> int:
    """Put a sequence behind a state; the state in which it ends."""
    for kind, value in parsed:
        start = _add_one(automaton, kind, value, start)
    return start


def _add_one(automaton: Automaton, kind: Any, value: Any, start: int) -> int:
    end = automaton.state()
    if kind is constants.AT:
        asked = {constants.AT_BEGINNING: BEGIN, constants.AT_END: END}.get(value)
        if asked is None:
            raise Undecided
        automaton.jumps[start].append((asked, end))
    elif kind is constants.BRANCH:
        for branch in value[1]:
            automaton.jumps[_add(automaton, branch, start)].append(("", end))
    elif kind is constants.SUBPATTERN:
        _, added, removed, inner = value
        if added or removed:
            raise Undecided
        automaton.jumps[_add(automaton, inner, start)].append(("", end))
    elif kind in (constants.MAX_REPEAT, constants.MIN_REPEAT):
        least, most, inner = value
        for _ in range(least):
            start = _add(automaton, inner, start)
        if most is constants.MAXREPEAT:
            loop = automaton.state()
            automaton.jumps[start].append(("", loop))
            automaton.jumps[_add(automaton, inner, loop)].append(("", loop))
            automaton.jumps[loop].append(("", end))
        else:
            for _ in range(most - least):
                automaton.jumps[start].append(("", end))
                start = _add(automaton, inner, start)
            automaton.jumps[start].append(("", end))
    else:
        automaton.moves[start].append((_ranges(kind, value), end))
    return end


def _ranges(kind: Any, value: Any) -> Ranges:
    if kind is constants.LITERAL:
        return ((value, value),)
    if kind is constants.NOT_LITERAL:
        return _without(((value, value),))
    if kind is constants.ANY:
        return _without(((10, 10), (13, 13), (0x2028, 0x2029)))
    if kind is not constants.IN:
        raise Undecided
    found: list[tuple[int, int]] = []
    for each, inner in value:
        if each is constants.LITERAL:
            found.append((inner, inner))
        elif each is constants.RANGE:
            found.append(inner)
        elif each is constants.CATEGORY and inner in CATEGORIES:
            found += CATEGORIES[inner]
        elif each is constants.CATEGORY and inner in OPPOSITES:
            found += _without(CATEGORIES[OPPOSITES[inner]])
        elif each is not constants.NEGATE:
            raise Undecided
    return _without(tuple(found)) if value[0][0] is constants.NEGATE else tuple(found)


def _without(ranges: Ranges) -> Ranges:
    """Every other character."""
    found, next_free = [], 0
    for low, high in sorted(ranges):
        if low > next_free:
            found.append((next_free, low - 1))
        next_free = max(next_free, high + 1)
    return tuple(found if next_free > LAST else [*found, (next_free, LAST)])


def _characters(*automata: Automaton) -> Iterator[int]:
    """One character for each set of characters that no move tells apart."""
    edges = {0}
    for automaton in automata:
        for moves in automaton.moves:
            for ranges, _ in moves:
                for low, high in ranges:
                    edges |= {low, high + 1}
    return iter(sorted(edge for edge in edges if edge <= LAST))


def _included(inner: Automaton, outer: Automaton) -> bool:
    characters = list(_characters(inner, outer))
    first = inner.reach([inner.start], True, False), outer.reach([outer.start], True, False)
    seen: set[tuple[frozenset[int], frozenset[int]]] = set()
    waiting, begin, steps = [first], True, 0
    while waiting:
        ones, others = waiting.pop()
        if inner.accepts(ones, begin) and not outer.accepts(others, begin):
            return False
        begin = False
        for character in characters:
            steps += 1 + len(ones) + len(others)
            if steps > MOST_STEPS:
                raise Undecided
            pair = inner.step(ones, character), outer.step(others, character)
            if pair[0] and pair not in seen:
                seen.add(pair)
                waiting.append(pair)
    return True
