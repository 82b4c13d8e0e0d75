"""From a parsed check to plain comparisons: loops unrolled, every name one that the paper's file declares."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from math import prod
from typing import Any

from mlmi2023.core.errors import InputError
from mlmi2023.core.values import show
from mlmi2023.reporting.claims.expressions import Comparison, Selector
from mlmi2023.reporting.claims.grammar import Binary, Call, Chain, Check, Loop, Reference
from mlmi2023.reporting.claims.sense import check_sense
from mlmi2023.reporting.names import value_name
from mlmi2023.reporting.reported import Reported

KEYS = ("method", "dataset", "setting", "label")
#: Turns of loops, and so comparisons, in one check.
MOST = 1000


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
    resolver = _Resolver(reported, dataset, f"{where}: {show(check.text, 160)}")
    made: list[Comparison] = []
    resolver.check_loops(check.loops, check.chains)
    for names in resolver.turns(check.loops, {}):
        for chain in check.chains:
            terms = resolver.chain(chain, names).terms
            made += [Comparison(a, sign, b) for sign, a, b in zip(chain.signs, terms, terms[1:])]
    for comparison in made:
        check_sense(comparison, reported, resolver.where)
    return made


@dataclass
class _Resolver:
    reported: Reported
    dataset: str | None
    where: str
    lists: dict[str, list[str]] = field(init=False)
    groups: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        r = self.reported
        self.groups = {"method": r.methods, "dataset": r.datasets, "metric": r.metrics}
        self.groups |= {"setting": r.settings, "label": r.labels, "factor": r.factors}
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
        turns = prod(map(len, domains))
        if turns > MOST:
            raise self.fail(
                loops[0].column, f"loops of {turns} turns, at most {MOST} can be; make them shorter"
            )
        for turn in product(*domains):
            yield {**names, **{k: v for part in turn for k, v in part.items()}}

    def check_loops(self, loops: tuple[Loop, ...], inside: Any) -> None:
        """Refuse names of loops that hide others, or that nothing inside uses."""
        used = set(_words(inside))
        own = [(name, loop) for loop in loops for name in loop.names]
        for number, (name, loop) in enumerate(own):
            if kinds := [kind for kind, group in self.groups.items() if name in group]:
                raise self.fail(loop.column, f"{name!r} is a {kinds[0]} too; give the loop another name")
            if name in [before for before, _ in own[:number]]:
                raise self.fail(loop.column, f"{name!r} stands for two things; give one another name")
            if name not in used:
                raise self.fail(loop.column, f"{name!r} is used nowhere; take its loop out")

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
            self.check_loops(node.loops, node.arguments)
            if hidden := [(name, loop) for loop in node.loops for name in loop.names if name in names]:
                raise self.fail(hidden[0][1].column, f"{hidden[0][0]!r} is the name of a loop around it too")
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


def _words(node: Any) -> Iterator[str]:
    """Yield every name that stands in references, and in the lists of loops within."""
    if isinstance(node, Reference):
        yield node.metric
        yield from (word for _, word in node.fields)
    elif isinstance(node, Binary):
        yield from _words((node.left, node.right))
    elif isinstance(node, Chain):
        yield from _words(node.terms)
    elif isinstance(node, Call):
        yield from _words(node.arguments)
    elif isinstance(node, tuple):
        for part in node:
            yield from _words(part)
