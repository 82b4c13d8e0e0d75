"""From a parsed check to plain comparisons: loops unrolled, every name one that the paper's file declares."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from mlmi2023.core.errors import InputError
from mlmi2023.reporting.claims.expressions import Comparison, Selector
from mlmi2023.reporting.claims.grammar import Binary, Call, Chain, Check, Loop, Reference
from mlmi2023.reporting.names import value_name
from mlmi2023.reporting.reported import Reported

KEYS = ("method", "dataset", "setting", "label")


def resolve(check: Check, reported: Reported, dataset: str | None, where: str) -> list[Comparison]:
    """Return the comparisons that must all hold.

    Args:
        check: parsed check.
        reported: the paper, whose names are the only ones allowed.
        dataset: dataset of references that name none (that of the claim's source table).
        where: what to call the check in a message.

    Raises:
        InputError: an unknown or ambiguous name, with its column.
    """
    resolver = _Resolver(reported, dataset, f"{where}: {check.text!r}")
    made = []
    for names in resolver.turns(check.loops, {}):
        for chain in check.chains:
            terms = resolver.chain(chain, names).terms
            made += [Comparison(a, sign, b) for sign, a, b in zip(chain.signs, terms, terms[1:])]
    for comparison in made:
        if not comparison.selectors():
            raise InputError(f"{resolver.where}: {comparison} compares numbers only; name a metric[method]")
    return made


@dataclass
class _Resolver:
    reported: Reported
    dataset: str | None
    where: str
    lists: dict[str, list[str]] = field(init=False)

    def __post_init__(self) -> None:
        r = self.reported
        roles: dict[str, list[str]] = {}
        for method in r.methods.values():
            roles.setdefault(method.role, []).append(method.id)
        self.lists = {
            **roles,
            "datasets": list(r.datasets),
            "settings": list(r.settings),
            "labels": list(r.labels),
            **{name: list(levels) for name, levels in r.factors.items()},
        }

    def fail(self, column: int, message: str) -> InputError:
        return InputError(f"{self.where} column {column}: {message}")

    def turns(self, loops: tuple[Loop, ...], names: dict[str, str]) -> Iterator[dict[str, str]]:
        """Yield ``names`` extended by every combination of the loops' items."""
        domains = []
        for loop in loops:
            items = loop.items
            if isinstance(items, str):
                if not self.lists.get(items):
                    lists = ", ".join(k for k, v in self.lists.items() if v)
                    raise self.fail(loop.column, f"unknown or empty list {items!r}; lists: {lists}")
                items = tuple((item,) for item in self.lists[items])
            if any(len(item) != len(loop.names) for item in items):
                raise self.fail(
                    loop.column, f"every item for ({', '.join(loop.names)}) needs {len(loop.names)} names"
                )
            domains.append([dict(zip(loop.names, item)) for item in items])
        for turn in product(*domains):
            yield {**names, **{k: v for part in turn for k, v in part.items()}}

    def chain(self, chain: Chain, names: dict[str, str]) -> Chain:
        return Chain(tuple(self.node(term, names) for term in chain.terms), chain.signs)

    def node(self, node: Any, names: dict[str, str]) -> Any:
        if isinstance(node, Reference):
            return self.reference(node, names)
        if isinstance(node, Binary):
            return Binary(node.op, self.node(node.left, names), self.node(node.right, names))
        if isinstance(node, Chain):
            return self.chain(node, names)
        if isinstance(node, Call):
            turns = list(self.turns(node.loops, names))
            return Call(node.name, tuple(self.node(a, turn) for turn in turns for a in node.arguments))
        return node

    def reference(self, ref: Reference, names: dict[str, str]) -> Selector:
        metric = names.get(ref.metric, ref.metric)
        self.known(ref, metric, self.reported.metrics, "metric")
        given: dict[str, str] = {}
        for position, (key, word) in enumerate(ref.fields):
            word = names.get(word, word)
            if not key:
                key = "method" if position == 0 else self.kind_of(ref, word)
            if key in given:
                raise self.fail(ref.column, f"{key} is given twice ({given[key]!r} and {word!r})")
            given[key] = word
        factors = {}
        for key, word in given.items():
            if key in KEYS:
                continue
            self.known(ref, key, {**dict.fromkeys(KEYS), **self.reported.factors}, "key")
            factors[key] = value_name(word)
            self.known(ref, factors[key], dict.fromkeys(self.reported.factors[key]), f"level of {key}")
        if "method" not in given:
            raise self.fail(ref.column, f"{metric}[...] names no method; put it first")
        self.known(ref, given["method"], self.reported.methods, "method")
        if "setting" in given:
            self.known(ref, given["setting"], dict.fromkeys(self.reported.settings), "setting")
        if "label" in given:
            self.known(ref, given["label"], dict.fromkeys(self.reported.labels), "label")
        dataset = given.get("dataset", self.dataset)
        if dataset is None:
            raise self.fail(
                ref.column, f"which dataset? write dataset=... ({', '.join(self.reported.datasets)})"
            )
        self.known(ref, dataset, self.reported.datasets, "dataset")
        return Selector(
            metric,
            given["method"],
            dataset,
            given.get("setting"),
            tuple(sorted(factors.items())),
            given.get("label"),
        )

    def kind_of(self, ref: Reference, word: str) -> str:
        """Return the key that a bare word stands for."""
        r = self.reported
        kinds = [
            k for k, g in (("dataset", r.datasets), ("setting", r.settings), ("label", r.labels)) if word in g
        ]
        kinds += [name for name, levels in r.factors.items() if value_name(word) in levels]
        if len(kinds) != 1:
            why = (
                f"is {' and '.join(kinds)}; write which, as key="
                if kinds
                else "is no dataset, setting or label"
            )
            raise self.fail(ref.column, f"{word!r} {why}")
        return kinds[0]

    def known(self, ref: Reference, name: str, group: Any, kind: str) -> None:
        if name not in group:
            raise self.fail(
                ref.column, f"unknown {kind} {name!r}; known: {', '.join(group) or 'none declared'}"
            )
