"""Trainings that several methods or datasets share: the key ``of`` of a stage.

``stages: {pretrain: {of: other}}`` says that a method's stage ``pretrain`` is that of the method ``other`` on
the same dataset; ``dataset`` names another dataset, and ``stage`` another stage. Without ``stage`` it is the
one of the same name or, where the other has none, its last. It is trained once, under the other's name and
options.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from mlmi2023.core.errors import InputError

KEYS = ("of", "dataset", "stage")
#: keys of a method's options that say what its network is
NETWORK = ("net", "encoder", "decoder", "input_scale")
#: keys of a method that are no options
CHAIN = ("stages", "train", "uses")


class Training(NamedTuple):
    """Which stage of which method on which dataset."""

    dataset: str
    method: str
    stage: str

    def __str__(self) -> str:
        return f"stage '{self.stage}' of '{self.method}' on '{self.dataset}'"


def share_of(method: Mapping[str, Any], stage: str, where: str) -> dict[str, str]:
    """Return the keys by which a method's stage names another one; empty if it is the method's own.

    Raises:
        InputError: there are other keys beside these, which would have no effect, or ``of`` is missing.
    """
    given = dict((method.get("stages") or {}).get(stage) or {})
    if not set(KEYS) & set(given):
        return {}
    if "of" not in given:
        raise InputError(f"{where}: name the method whose training it is, as 'of'")
    if other := sorted(set(given) - set(KEYS)):
        raise InputError(
            f"{where}: '{other[0]}' has no effect, since the stage is that of '{given['of']}'; take one of "
            "the two out (null)"
        )
    return {key: str(value) for key, value in given.items()}


def check_alike(own: Mapping[str, Any], other: Mapping[str, Any], whole: bool, where: str) -> None:
    """Refuse to share between two methods whose weights are not of one network.

    Args:
        own: options of the method that takes the training.
        other: options of the method that has it.
        whole: all of the training is shared, so that all options must be the same; otherwise those of the
            network (:data:`NETWORK`).
        where: for the message.

    Raises:
        InputError: an option differs.
    """
    keys = sorted({*own, *other} - set(CHAIN)) if whole else NETWORK
    for key in keys:
        if found := _first_difference(key, own.get(key), other.get(key)):
            option, ours, theirs = found
            raise InputError(
                f"{where}: option '{option}' is {ours!r} here and {theirs!r} there; one training cannot "
                "be both, make them equal or train apart"
            )


def _first_difference(key: str, own: Any, other: Any) -> tuple[str, Any, Any] | None:
    """Return the path of the first option that differs, and both values."""
    if isinstance(own, Mapping) and isinstance(other, Mapping):
        inner = (_first_difference(f"{key}.{k}", own.get(k), other.get(k)) for k in sorted({*own, *other}))
        return next((found for found in inner if found), None)
    return None if own == other else (key, own, other)
