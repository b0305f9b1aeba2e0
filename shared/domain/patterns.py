"""Patterns of names (`*`, `?`, `[abc]`), as a use case says what arrives: do two of them ever match the same name?"""

import re
from collections import deque
from fnmatch import fnmatchcase

_TOKEN = re.compile(r"\*+|\?|\[!?\]?[^\]]*\]|.", re.DOTALL)
_LIKELY = "ax0-_.1zAZ9/ "
"""Where a wildcard may be anything, the name that is shown has one of these."""


def common_name(one: str, other: str) -> str | None:
    """A short name that both patterns match, one with a letter for each star where there is one; else None."""
    left, right = _TOKEN.findall(one), _TOKEN.findall(other)
    letters = "".join(dict.fromkeys([*_LIKELY, *one, *other, *map(chr, range(33, 127))]))
    return _shortest(_fuller(left), _fuller(right), letters) or _shortest(left, right, letters)


def _fuller(tokens: list[str]) -> list[str]:
    return [each for token in tokens for each in (["?", "*"] if token.startswith("*") else [token])]


def _shortest(left: list[str], right: list[str], letters: str) -> str | None:
    seen = {(0, 0)}
    queue = deque([(0, 0, "")])
    while queue:
        i, j, name = queue.popleft()
        if i == len(left) and j == len(right):
            return name
        for step in _steps(left, right, i, j, letters):
            at = step[:2]
            if at not in seen:
                seen.add(at)
                longer = (*at, name + step[2])
                queue.append(longer) if step[2] else queue.appendleft(longer)
    return None


def _steps(left: list[str], right: list[str], i: int, j: int, letters: str) -> list[tuple[int, int, str]]:
    """Where one can go from here: a star is left behind, or a letter that both take is taken."""
    first, second = left[i] if i < len(left) else "", right[j] if j < len(right) else ""
    steps = [(i + 1, j, "")] if first.startswith("*") else []
    steps += [(i, j + 1, "")] if second.startswith("*") else []
    letter = next((each for each in letters if _takes(first, each) and _takes(second, each)), None)
    if letter is not None:
        steps.append((i + (not first.startswith("*")), j + (not second.startswith("*")), letter))
    return steps


def _takes(token: str, letter: str) -> bool:
    return bool(token) and (token.startswith("*") or fnmatchcase(letter, token))
