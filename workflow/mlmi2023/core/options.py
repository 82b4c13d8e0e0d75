"""Closed, typed sets of keys: what a part of the configuration may say, with one line for each mistake.

A model is a class of annotated keys::

    class Fit(Options):
        steps: Annotated[int, at_least(1)]
        rate: Annotated[float, above(0)] = 1e-3
        decay: Literal["constant", "poly"] = "constant"
        crop: tuple[int, int] | None = None
        net: Unet | Transformer          # two models that differ in a Literal, such as ``kind``

A key without a default must be given. Values may be ``bool``, ``int``, ``float`` (finite; whole numbers
count), ``str``, ``Literal``, ``None``, ``list[...]``, ``tuple[...]`` (a list of that length),
``dict[str, ...]``, other models, ``Any``, unions of these, and ``Annotated`` ones with conditions
(:mod:`mlmi2023.core.conditions`). Nothing is converted by guess: a text is no number and true is no 1.

Models are plain classes since they are made whenever the workflow loads: a frozen dataclass takes 0.7 ms to
define, a model of pydantic 2 ms, one of these 0.01 ms, and 46 papers have some hundreds.
"""

import keyword
import types
from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, Literal, TypeVar, Union, dataclass_transform, get_args, get_origin

from mlmi2023.core.conditions import Condition
from mlmi2023.core.errors import InputError
from mlmi2023.core.schemas import suggest
from mlmi2023.core.values import Mistake, Reader, literal, plain, show, types_of, word_of


@dataclass_transform(kw_only_default=True, eq_default=False)
class Options:
    """Base of models; an instance holds the given values and the defaults of all other keys."""

    def __init__(self, **values: Any) -> None:
        own: Any = type(self)
        for key in keys_of(own):
            vars(self)[key] = values[key] if key in values else getattr(own, attribute(key))

    def __setattr__(self, key: str, value: Any) -> None:
        raise AttributeError(f"{type(self).__name__} is not to be changed (key {key})")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in vars(self).items())})"

    def wrong(self) -> str:
        """Return what is wrong between several keys, or an empty text; models override it."""
        return ""


Model = TypeVar("Model", bound=Options)


def options(model: type[Model], given: Any, where: str, at: str = "") -> Model:
    """Return ``given`` as an instance of ``model``.

    Args:
        model: the keys that are allowed.
        given: a mapping as read from YAML; None counts as empty.
        where: file or part of the configuration, as messages name it (``config of paper 'ia_gcn'``).
        at: keys that lead to ``given`` there (``methods.gcn``).

    Raises:
        InputError: one line with ``where``, the full path of the key, and the fix.
    """
    try:
        return read(model, given)  # type: ignore[no-any-return]
    except Mistake as mistake:
        raise InputError(f"{where}: {mistake.line(at)}") from None


def read(kind: Any, given: Any) -> Any:
    """Return ``given`` as a value of ``kind``, any annotation that models may have.

    Raises:
        Mistake: it does not fit.
    """
    return reader(kind)({} if given is None and _models(kind) and type(None) not in get_args(kind) else given)


@cache
def keys_of(model: type) -> dict[str, Any]:
    """Return the annotation of each key of a model, those of its bases first."""
    found: dict[str, Any] = {}
    for base in reversed(model.__mro__):
        found |= vars(base).get("__annotations__", {})
    return {key.removesuffix("_"): kind for key, kind in found.items()}


def attribute(key: str) -> str:
    """Return the attribute of a model that a key stands for: ``lambda_`` for ``lambda``, else the same."""
    return f"{key}_" if keyword.iskeyword(key) else key


@cache
def reader(kind: Any) -> Reader:
    """Return the function that checks a value against an annotation."""
    origin, inner = get_origin(kind), get_args(kind)
    if kind is Any:
        return lambda value: value
    if isinstance(kind, type) and origin is None:
        return _model(kind) if issubclass(kind, Options) else plain(kind)
    if origin is Annotated:
        return _annotated(reader(inner[0]), inner[1:])
    if origin is Literal:
        return literal(inner)
    if origin in (Union, types.UnionType):
        return _union(inner)
    if origin in (list, tuple):
        return _sequence(origin, inner)
    if origin is dict:
        return _mapping(*inner)
    raise TypeError(f"models cannot have {kind!r}")


def _model(model: Any) -> Reader:
    readers: dict[str, Reader] = {}

    def check(value: Any) -> Any:
        if not isinstance(value, Mapping):
            raise Mistake(f"{{key}} is {show(value)}; give it keys: {', '.join(keys_of(model))}")
        # made at first use: most parts of most models are never asked for
        own = readers or {key: reader(kind) for key, kind in keys_of(model).items()}
        readers.update(own)
        values = {}
        for key, item in value.items():
            if key not in own:
                raise unknown(key, own)
            try:
                values[key] = own[key](item)
            except Mistake as mistake:
                raise mistake.within(key) from None
        for key in own:
            if key not in values and not hasattr(model, attribute(key)):
                raise Mistake("{key} is missing; add it", key)
        made = model(**values)
        if wrong := made.wrong():
            raise Mistake(f"{{key}}: {wrong}")
        return made

    return check


def unknown(key: Any, known: Any) -> Mistake:
    """Return the mistake of a key that is none of those known."""
    return Mistake(f"unknown {{key}}{suggest(str(key), [str(k) for k in known])}", key)


def _annotated(inner: Reader, conditions: tuple[Condition, ...]) -> Reader:
    def check(value: Any) -> Any:
        made = inner(value)
        for condition in conditions:
            if wrong := condition(made):
                raise Mistake(f"{{key}} is {show(value)}; {wrong}")
        return made

    return check


def _sequence(origin: Any, inner: tuple[Any, ...]) -> Reader:
    fixed = origin is tuple and inner[-1] is not ...
    kinds = inner if fixed else inner[:1]

    def check(value: Any) -> Any:
        if not isinstance(value, (list, tuple)) or (fixed and len(value) != len(kinds)):
            wanted = f"a list of {len(kinds)} values" if fixed else "a list"
            raise Mistake(f"{{key}} is {show(value)}; give {wanted}")
        made = []
        for place, item in enumerate(value):
            try:
                made.append(reader(kinds[place] if fixed else kinds[0])(item))
            except Mistake as mistake:
                raise mistake.within(place) from None
        return origin(made)

    return check


def _mapping(key_kind: Any, value_kind: Any) -> Reader:
    def check(value: Any) -> Any:
        if not isinstance(value, Mapping):
            raise Mistake(f"{{key}} is {show(value)}; give a mapping")
        made = {}
        for key, item in value.items():
            try:
                name = reader(key_kind)(
                    key
                )  # first: where keys and values are swapped, keys are what is wrong
                made[name] = reader(value_kind)(item)
            except Mistake as mistake:
                raise mistake.within(key) from None
        return made

    return check


def _models(kind: Any) -> list[Any]:
    """Return the models that a kind is or offers."""
    found = []
    for one in get_args(kind) if get_origin(kind) in (Union, types.UnionType) else (kind,):
        if isinstance(one, type) and issubclass(one, Options):
            found.append(one)
    return found


def tag_of(models: list[Any], but: tuple[str, ...] = ()) -> str | None:
    """Return the key that tells models apart: a ``Literal`` in all, not with the same words in all."""
    for key in keys_of(models[0]):
        kinds = [keys_of(model).get(key) for model in models]
        if key not in but and all(get_origin(kind) is Literal for kind in kinds) and len(set(kinds)) > 1:
            return key
    return None


def _union(kinds: tuple[Any, ...]) -> Reader:
    models = [kind for kind in kinds if _models(kind)]
    others = [kind for kind in kinds if kind not in models]

    def check(value: Any) -> Any:
        if models and isinstance(value, Mapping):
            return reader(chosen(models, value))(value)
        mistakes = []
        for kind in others:
            try:
                return reader(kind)(value)
            except Mistake as error:
                mistakes.append((kind, error))
        # the mistake inside of a list is worth more than "give a list or ..."
        for _, mistake in mistakes:
            if mistake.path or (len(mistakes) == 1 and not models):
                raise mistake
        near = [mistake for kind, mistake in mistakes if type(value) in types_of(kind)]
        if len(near) == 1:
            raise near[0]
        words = [*(["keys"] if models else []), *map(word_of, others)]
        raise Mistake(f"{{key}} is {show(value)}; give {' or '.join(dict.fromkeys(words))}")

    return check


def chosen(models: list[Any], value: Mapping[str, Any], but: tuple[str, ...] = ()) -> Any:
    """Return the model that a mapping is meant for, by its ``kind``, say, and then by a second tag.

    Raises:
        Mistake: the tag is missing, or none of the models has its word.
    """
    if len(models) == 1:
        return models[0]
    tag = tag_of(models, but)
    if tag is None:
        raise TypeError(f"no key tells {', '.join(m.__name__ for m in models)} apart")
    if tag not in value:
        usual = [model for model in models if hasattr(model, attribute(tag))]
        if len(usual) == 1:
            return usual[0]
        raise Mistake("{key} is missing; add it", tag)
    fit = [model for model in models if value[tag] in get_args(keys_of(model)[tag])]
    if not fit:
        words = dict.fromkeys(word for model in models for word in get_args(keys_of(model)[tag]))
        try:
            literal(tuple(words))(value[tag])
        except Mistake as mistake:
            raise mistake.within(tag) from None
    return chosen(fit, value, (*but, tag))
