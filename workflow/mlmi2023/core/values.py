"""Plain values of models (:mod:`mlmi2023.core.options`): what they may be, and how messages call them."""

import difflib
import math
from collections.abc import Callable
from typing import Annotated, Any, Literal, get_args, get_origin

Reader = Callable[[Any], Any]
WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text", type(None): "null"}


class Mistake(Exception):
    """What is wrong, and the keys that lead there, outermost first."""

    def __init__(self, message: str, *path: str | int) -> None:
        super().__init__(message)
        self.message, self.path = message, list(path)

    def within(self, key: str | int) -> "Mistake":
        """Return the mistake as seen from one level further out."""
        self.path.insert(0, key)
        return self

    def line(self, at: str = "") -> str:
        """Return one line that begins with the full path of the key."""
        # a key may be any text, the message is one line
        steps = (" ".join(str(step)[:80].split()) for step in self.path)
        path = ".".join(filter(None, [at, *steps]))
        return self.message.replace("{key}", f"key '{path}'" if path else "the content")


def plain(kind: Any) -> Reader:
    """Return what reads ``bool``, ``int``, ``float``, ``str`` or None."""
    word = WORDS[kind]

    def check(value: Any) -> Any:
        if type(value) is kind:
            if kind is float and not math.isfinite(value):
                raise Mistake(f"{{key}} is {value}; give a finite number")
            return value
        if kind is float and type(value) is int:
            return value
        raise Mistake(f"{{key}} is {show(value)}; give {word}{hint(value, kind)}")

    return check


def hint(value: Any, kind: type) -> str:
    """Return what to write where a number was read as a text."""
    if kind not in (int, float) or not isinstance(value, str):
        return ""
    try:
        float(value)
    except ValueError:
        return ""
    size, power, exponent = value.lower().partition("e")
    if not power:
        return " without quotes"
    # YAML takes 1e-4 for a text, and 1.0e-4 for a number
    size += "" if "." in size else ".0"
    return f", without quotes and with point and sign: {size}e{'' if exponent[0] in '+-' else '+'}{exponent}"


def literal(words: tuple[Any, ...]) -> Reader:
    """Return what reads one of ``words``; others are told the nearest."""

    def check(value: Any) -> Any:
        if any(value == word and type(value) is type(word) for word in words):
            return value
        close = isinstance(value, str) and difflib.get_close_matches(value, [str(w) for w in words], 1, 0.7)
        known = (
            f"did you mean '{close[0]}'?"
            if close
            else f"choose {' or '.join(dict.fromkeys(map(str, words)))}"
        )
        raise Mistake(f"{{key}} is {show(value)}; {known}")

    return check


def types_of(kind: Any) -> set[type]:
    """Return the types of values that a kind is about."""
    origin = get_origin(kind)
    if origin is Annotated:
        return types_of(get_args(kind)[0])
    if origin is Literal:
        return {type(word) for word in get_args(kind)}
    if origin in (list, tuple):
        return {list, tuple}
    return {int, float} if kind is float else {origin or kind}


def word_of(kind: Any) -> str:
    """Return what messages call a kind of value."""
    origin = get_origin(kind)
    if origin is Annotated:
        return word_of(get_args(kind)[0])
    if origin is Literal:
        return " or ".join(repr(word) for word in get_args(kind))
    if origin is tuple and get_args(kind)[-1] is not ...:
        return f"a list of {len(get_args(kind))} values"
    return {list: "a list", tuple: "a list", dict: "a mapping"}.get(origin) or WORDS.get(kind, str(kind))  # type: ignore[arg-type]


def show(value: Any, most: int = 60) -> str:
    """Return a value as messages have it: YAML's words, and not longer than a line bears."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    text = repr(value)
    return text if len(text) <= most else f"{text[: most - 3]}..."
