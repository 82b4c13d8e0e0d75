"""Expressions over mean values whose references are resolved: their value, their parts, their text."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlmi2023.reporting.claims.grammar import Binary, Call, Chain, Number
from mlmi2023.reporting.names import setting_factors


@dataclass(frozen=True)
class Selector:
    """Which values a reference means; ``setting`` and ``label`` None stand for the method's default."""

    metric: str
    method: str
    dataset: str
    setting: str | None = None
    factors: tuple[tuple[str, str], ...] = ()
    label: str | None = None

    def __str__(self) -> str:
        parts = [self.method, f"dataset={self.dataset}"]
        parts += [f"setting={self.setting}"] if self.setting is not None else []
        parts += [f"{k}={v}" for k, v in self.factors]
        parts += [f"label={self.label}"] if self.label is not None else []
        return f"{self.metric}[{', '.join(parts)}]"

    def takes_setting(self, name: str) -> bool:
        """Whether values under the setting ``name`` are meant, were a setting asked for."""
        if self.setting is not None:
            return name == self.setting
        return dict(self.factors).items() <= setting_factors(name).items()


@dataclass(frozen=True)
class Comparison:
    """``left sign right`` with all references resolved; a positive effect supports it."""

    left: Any
    sign: str
    right: Any

    @property
    def strict(self) -> bool:
        """Whether equality does not count as support."""
        return self.sign in "<>"

    def effect(self, lookup: Callable[[Selector], Any]) -> Any:
        """Return ``left - right`` for ``>``, ``right - left`` for ``<``, given the mean of each selector."""
        difference = evaluate(self.left, lookup) - evaluate(self.right, lookup)
        return difference if self.sign[0] == ">" else -difference

    def selectors(self) -> list[Selector]:
        """Return every selector once, in order of appearance."""
        return list(dict.fromkeys([*_selectors(self.left), *_selectors(self.right)]))

    def __str__(self) -> str:
        return f"{_text(self.left)} {self.sign} {_text(self.right)}"


def evaluate(node: Any, lookup: Callable[[Selector], Any]) -> Any:
    """Return the value of an expression; arrays from ``lookup`` are handled element by element."""
    if isinstance(node, Number):
        return node.value
    if isinstance(node, Selector):
        return lookup(node)
    if isinstance(node, Binary):
        left, right = evaluate(node.left, lookup), evaluate(node.right, lookup)
        if node.op == "/":
            with np.errstate(divide="ignore", invalid="ignore"):
                return np.divide(left, right)
        return left + right if node.op == "+" else left - right if node.op == "-" else left * right
    if isinstance(node, Chain):  # inside count(): 1 where it holds
        terms = [evaluate(term, lookup) for term in node.terms]
        compare: dict[str, Any] = {">": np.greater, ">=": np.greater_equal, "<": np.less, "<=": np.less_equal}
        holds = [compare[s](a, b) for s, a, b in zip(node.signs, terms, terms[1:])]
        return np.logical_and.reduce(np.broadcast_arrays(*holds)).astype(float)
    values = [evaluate(argument, lookup) for argument in node.arguments]
    if node.name == "abs":
        return np.abs(values[0])
    stacked = np.stack(np.broadcast_arrays(*values))
    reduce: dict[str, Any] = {"max": np.max, "min": np.min, "mean": np.mean, "count": np.sum}
    return reduce[node.name](stacked, axis=0)


def _selectors(node: Any) -> list[Selector]:
    if isinstance(node, Selector):
        return [node]
    kids: tuple[Any, ...] = ()
    if isinstance(node, Binary):
        kids = (node.left, node.right)
    elif isinstance(node, Chain):
        kids = node.terms
    elif isinstance(node, Call):
        kids = node.arguments
    return [selector for kid in kids for selector in _selectors(kid)]


def _text(node: Any) -> str:
    if isinstance(node, Number):
        return f"{node.value:g}"
    if isinstance(node, Binary):
        return f"({_text(node.left)} {node.op} {_text(node.right)})"
    if isinstance(node, Call):
        return f"{node.name}({', '.join(map(_text, node.arguments))})"
    if isinstance(node, Chain):
        return "".join(f"{_text(t)} {s} " for t, s in zip(node.terms, (*node.signs, ""))).strip()
    return str(node)
