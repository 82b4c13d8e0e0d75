"""Asking for one clear line: what every test of a user's mistake wants.

Each family of mistakes is a table of cases in the tests of its room; this module holds what they share.
"""

import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from mlmi2023.core.errors import InputError


def said(action: Callable[[], Any], *words: str) -> str:
    """The line that `action` ends with; it must be one line, and hold each of `words`.

    Any other exception is ours, not the user's, and fails the test with its traceback.
    """
    with pytest.raises(InputError) as caught:
        action()
    line = str(caught.value)
    assert "\n" not in line.strip(), f"more than one line: {line!r}"
    for word in words:
        assert word in line, f"{word!r} is not in {line!r}"
    return line


def damaged(data: bytes, count: int, seed: int = 0) -> Iterator[bytes]:
    """`count` broken copies of a file's bytes: cut short, a few bytes changed, a block of zeros, grown."""
    draw = random.Random(seed)
    for _ in range(count):
        copy = bytearray(data)
        kind = draw.randrange(4)
        if kind == 0:
            copy = copy[: draw.randrange(len(copy))]
        elif kind == 1:
            for _ in range(draw.randint(1, 8)):
                copy[draw.randrange(len(copy))] = draw.randrange(256)
        elif kind == 2:
            start = draw.randrange(len(copy))
            copy[start : start + draw.randint(1, 64)] = bytes(min(64, len(copy) - start))
        else:
            copy += bytes(draw.randrange(256) for _ in range(draw.randint(1, 64)))
        yield bytes(copy)


def reads_or_says(action: Callable[[bytes], Any], copies: Iterator[bytes]) -> int:
    """How many damaged copies `action` accepts; it refuses the others with one line, never a traceback."""
    accepted = 0
    for copy in copies:
        try:
            action(copy)
        except InputError as error:
            assert "\n" not in str(error).strip(), f"more than one line: {str(error)!r}"
        else:
            accepted += 1
    return accepted
