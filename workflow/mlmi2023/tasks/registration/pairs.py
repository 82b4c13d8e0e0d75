"""Which images of a cohort are registered to which."""

from collections.abc import Mapping, Sequence
from itertools import pairwise, permutations
from typing import Any, NamedTuple, TypeVar

import numpy as np

from mlmi2023.cohorts.forms.volumes.reader import Packed
from mlmi2023.core.errors import InputError

KINDS = ("atlas_to_patient", "inter_patient")
PAIRINGS = ("ordered", "consecutive")

T = TypeVar("T")


class Pair(NamedTuple):
    """Two images to register.

    Attributes:
        case: name of the pair.
        moving: row of the packed cohort.
        fixed: row.
        label: what the pair is called by in a table by pairs; empty where there is none.
    """

    case: str
    moving: int
    fixed: int
    label: str = ""


def name_pair(packed: Packed, moving: int, fixed: int) -> Pair:
    """Return the pair of two rows, named by their subjects."""
    return Pair(f"{packed.subjects[moving]}-to-{packed.subjects[fixed]}", moving, fixed)


def held_out_pairs(packed: Packed, task: Mapping[str, Any]) -> list[Pair]:
    """Return the test pairs of a task; see :func:`pairs`.

    Raises:
        InputError: there is none.
    """
    found = pairs(packed.subjects, packed.splits, task, "test")
    if not found:
        raise InputError(
            f"cohort '{packed.name}' has no test pairs for task.kind {task['kind']}; "
            "give its split 'test' more subjects"
        )
    return [name_pair(packed, moving, fixed) for moving, fixed in found]


def pairs(
    subjects: Sequence[str], splits: Sequence[str], task: Mapping[str, Any], split: str
) -> list[tuple[int, int]]:
    """List the pairs of a split.

    ``task`` has:
      kind: ``atlas_to_patient`` (the atlas, the one subject of split ``atlas``, is the moving image of
        every pair) or ``inter_patient``.
      pairing: for inter-patient validation and test: ``ordered``, all n (n - 1) ordered pairs, the
        default; or ``consecutive``, each subject fixed with the next one moving. Training always draws from
        all ordered pairs.
      max_pairs: keep at most so many pairs, in their order, chosen by ``pair_seed``: one number for
        validation and test, or one per split.
      pair_seed: 0 by default.

    Args:
        subjects: subject of each row of the packed cohort, for messages.
        splits: split of each row.
        task: the dataset's task.
        split: ``train``, ``val`` or ``test``.

    Returns:
        (moving, fixed) rows; empty if the split has too few subjects.

    Raises:
        InputError: an unknown kind or pairing, or not exactly one atlas where one is needed.
    """
    kind, pairing = task.get("kind"), task.get("pairing", "ordered")
    if kind not in KINDS:
        raise InputError(f"config key task.kind is {kind!r}; choose {' or '.join(KINDS)}")
    if pairing not in PAIRINGS:
        raise InputError(f"config key task.pairing is {pairing!r}; choose {' or '.join(PAIRINGS)}")
    rows = [row for row, own in enumerate(splits) if own == split]
    if kind == "atlas_to_patient":
        atlases = [row for row, own in enumerate(splits) if own == "atlas"]
        if len(atlases) != 1:
            named = ", ".join(subjects[row] for row in atlases) or "none"
            raise InputError(
                f"task.kind atlas_to_patient needs one subject in split 'atlas', the cohort has {named}; "
                "set the cohort's atlas, or task.kind: inter_patient"
            )
        found = [(atlases[0], row) for row in rows]
    elif pairing == "consecutive" and split != "train":
        found = [(later, row) for row, later in pairwise(rows)]
    else:
        found = list(permutations(rows, 2))
    return limited(found, task, split)


def limited(found: list[T], task: Mapping[str, Any], split: str) -> list[T]:
    """Return at most ``task.max_pairs`` of the pairs of a split, in their order; see :func:`pairs`."""
    limit = task.get("max_pairs")
    if isinstance(limit, Mapping):
        limit = limit.get(split)
    elif split == "train":
        limit = None
    if limit is None or len(found) <= int(limit):
        return found
    rng = np.random.default_rng(int(task.get("pair_seed", 0)))
    return [found[i] for i in sorted(rng.choice(len(found), int(limit), replace=False))]
