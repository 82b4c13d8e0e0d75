"""The language of a claim's check, and its parser.

A check is a sentence about mean values, such as::

    dice[tm_dca, dataset=oasis] > dice[tm_tvf, dataset=oasis]
    abs(dice[a] - dice[b]) < 0.03
    ssim[full] > max(ssim[no_x], ssim[no_y]) and ssim[no_x] < ssim[no_y] < ssim[no_z]
    psnr[ours, r=f, modality=m] > psnr[sinc, r=f, modality=m] for all f in (2, 4), m in (t1w, t2w)
    count(dice[x, setting=c] > dice[y, setting=c] for (x, y) in ((a_aug, a), (b_aug, b)), c in settings) >= 5
    mean(dice[a, setting=s] for s in settings) > mean(dice[b, setting=s] for s in settings)

A reference is ``metric[method, ...]``. The method stands first; after it come ``dataset=``, ``setting=``,
``label=`` or any factor of the paper's settings (``modality=t1w``), or a bare word, which is looked up among
datasets, labels and settings; words with blanks stand in double quotes. A list may be named instead of
written out: ``datasets``, ``settings``, ``labels``, a factor, or the methods of a role (``proposed``,
``baseline``, ``ablation``, ``reference``, ``control``).

A check that holds, or fails, whatever was measured is refused, and so is one that puts values of different
units together (:mod:`mlmi2023.reporting.claims.sense`).
"""

import re
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from math import isfinite
from typing import Any

from mlmi2023.core.errors import InputError
from mlmi2023.core.values import show

COMPARISONS = (">=", "<=", ">", "<")
#: characters of a check, and brackets within brackets; what has more is no sentence, and ends the interpreter
LONGEST, DEEPEST = 1000, 20
NUMBER = r"\d+(?:\.\d+)?(?:[eE][+-]?\d+)?"
GRAMMAR = r"""
start: conjunction loops?
conjunction: chain (_AND chain)*
chain: expr (COMPARE expr)+
?expr: term
    | expr PLUS term -> binary
    | expr MINUS term -> binary
?term: factor
    | term TIMES factor -> binary
    | term OVER factor -> binary
?factor: NUMBER -> number
    | MINUS factor -> negative
    | "(" expr ")"
    | ABS "(" expr ")" -> call
    | FUNCTION "(" expr ("," expr)* loops? ")" -> call
    | COUNT "(" chain ("," chain)* loops? ")" -> call
    | METRIC "[" field ("," field)* "]" -> reference
field: word ["=" word]
word: WORD | QUOTED
loops: _FOR _EACH? loop ("," loop)*
loop: names _IN domain
names: WORD | "(" WORD ("," WORD)* ")"
domain: WORD -> named
    | "(" item ("," item)* ")" -> listed
item: word | "(" word ("," word)* ")"
_AND: /and\b/
_FOR: /for\b/
_EACH.2: /(all|every|each)\b/
_IN.2: /in\b/
ABS: /abs(?=\s*\()/
FUNCTION: /(max|min|mean)(?=\s*\()/
COUNT: /count(?=\s*\()/
COMPARE: ">=" | "<=" | ">" | "<"
PLUS: "+"
MINUS: "-"
TIMES: "*"
OVER: "/"
NUMBER: /%s/
METRIC: /[A-Za-z_]\w*(?=\s*\[)/
WORD: /[A-Za-z0-9_.][\w.+\-]*/
QUOTED: /"[^"]*"/
%ignore /\s+/
""".replace("%s", NUMBER)


@dataclass(frozen=True)
class Number:
    """A constant."""

    value: float


@dataclass(frozen=True)
class Reference:
    """``metric[first, key=value, ...]`` as written; fields are (key or "", value)."""

    metric: str
    fields: tuple[tuple[str, str], ...]
    column: int


@dataclass(frozen=True)
class Binary:
    """``left op right`` with op one of + - * /."""

    op: str
    left: Any
    right: Any


@dataclass(frozen=True)
class Call:
    """``abs``, ``max``, ``min``, ``mean`` of expressions, or ``count`` of chains, over loops."""

    name: str
    arguments: tuple[Any, ...]
    loops: tuple["Loop", ...] = ()


@dataclass(frozen=True)
class Chain:
    """``a < b < c``: expressions and the signs between them."""

    terms: tuple[Any, ...]
    signs: tuple[str, ...]


@dataclass(frozen=True)
class Loop:
    """``names in items``; ``items`` is a tuple of tuples, or the name of a list."""

    names: tuple[str, ...]
    items: tuple[tuple[str, ...], ...] | str
    column: int


@dataclass(frozen=True)
class Check:
    """A parsed check: chains that must all hold, for every turn of the loops."""

    chains: tuple[Chain, ...]
    loops: tuple[Loop, ...]
    text: str


@cache
def _parser() -> Any:
    from lark import Lark

    return Lark(GRAMMAR, parser="lalr", lexer="contextual", propagate_positions=True)


READABLE = {
    "COMPARE": "a comparison (< > <= >=)",
    "METRIC": "metric[...]",
    "WORD": "a name",
    "QUOTED": "a quoted name",
    "NUMBER": "a number",
    "RSQB": "']'",
    "LSQB": "'['",
    "RPAR": "')'",
    "LPAR": "'('",
    "COMMA": "','",
    "EQUAL": "'='",
    "_FOR": "'for all'",
    "_AND": "'and'",
    "_IN": "'in'",
    "FUNCTION": "max/min/mean(...)",
    "ABS": "abs(...)",
    "COUNT": "count(...)",
    "$END": "the end",
}
OPERATORS = {"PLUS", "MINUS", "TIMES", "OVER", "_EACH"}


def parse_check(text: str, where: str = "check") -> Check:
    """Parse one check.

    Args:
        text: the check.
        where: what to call it in a message, such as ``file: claim c1``.

    Raises:
        InputError: with the column, what was found there and what could stand there instead.
    """
    from lark.exceptions import UnexpectedCharacters, UnexpectedEOF, UnexpectedInput, UnexpectedToken

    if len(text) > LONGEST:
        raise InputError(
            f"{where}: has {len(text)} characters, at most {LONGEST} can be read; make it shorter"
        )
    for number in re.findall(NUMBER, text):
        if not isfinite(float(number)):
            raise InputError(f"{where}: {show(text, 160)}: the number {number[:40]} is too large; correct it")
    depth = max(accumulate((c == "(") - (c == ")") for c in text), default=0)
    if depth > DEEPEST:
        raise InputError(
            f"{where}: has brackets {depth} deep, at most {DEEPEST} can be read; make it simpler"
        )
    try:
        return _check(_parser().parse(text), text)
    except UnexpectedInput as error:
        names: set[str] = set()
        column, found = len(text) + 1, "the end"
        if isinstance(error, UnexpectedToken):
            names = set(error.accepts or error.expected)
            if error.token.type != "$END":
                column, found = error.column, repr(str(error.token))
        elif isinstance(error, UnexpectedCharacters):
            names, column, found = set(error.allowed or ()), error.column, repr(text[error.column - 1])
        elif isinstance(error, UnexpectedEOF):
            names = set(error.expected)
        wanted = sorted({READABLE.get(name, name) for name in names - OPERATORS})
        raise InputError(
            f"{where}: {show(text, 160)} column {column}: found {found}, "
            f"expected {' or '.join(wanted) or 'something else'}"
        ) from error


def _check(tree: Any, text: str) -> Check:
    chains = tuple(_node(child) for child in tree.children[0].children)
    loops = tuple(_loop(child) for child in tree.children[1].children) if len(tree.children) > 1 else ()
    return Check(chains, loops, text)


def _node(tree: Any) -> Any:
    """Turn one lark tree into this module's nodes."""
    kids = tree.children
    if tree.data == "number":
        return Number(float(kids[0]))
    if tree.data == "negative":
        return Binary("-", Number(0.0), _node(kids[1]))
    if tree.data == "binary":
        return Binary(str(kids[1]), _node(kids[0]), _node(kids[2]))
    if tree.data == "chain":
        return Chain(tuple(_node(kid) for kid in kids[::2]), tuple(str(kid) for kid in kids[1::2]))
    if tree.data == "reference":
        fields = []
        for field in kids[1:]:
            first, second = field.children
            fields.append(("", _word(first)) if second is None else (_word(first), _word(second)))
        return Reference(str(kids[0]), tuple(fields), kids[0].column)
    loops: tuple[Loop, ...] = ()
    if getattr(kids[-1], "data", "") == "loops":
        loops, kids = tuple(_loop(kid) for kid in kids[-1].children), kids[:-1]
    return Call(str(kids[0]), tuple(_node(kid) for kid in kids[1:]), loops)


def _word(tree: Any) -> str:
    return str(tree.children[0]).strip('"')


def _loop(tree: Any) -> Loop:
    names, domain = tree.children
    column = names.children[0].column
    if domain.data == "named":
        return Loop(tuple(map(str, names.children)), str(domain.children[0]), column)
    items = tuple(tuple(_word(word) for word in item.children) for item in domain.children)
    return Loop(tuple(map(str, names.children)), items, column)
