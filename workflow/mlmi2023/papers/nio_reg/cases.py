"""Which images are registered to which (Sect. 3): scans to atlases, across domains, or phases of a chest.

A group is what one network learns from and is tested on. Brains have one group; chests one per fold, whose
network has seen none of the fold's patients.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import permutations
from typing import Any

from mlmi2023.cohorts.forms.phased_scans.reader import Phased, any_phases, divide_patients, exhale_to_inhale
from mlmi2023.cohorts.forms.volumes.reader import Packed
from mlmi2023.core.errors import InputError
from mlmi2023.tasks.registration.pairs import Pair, limited, name_pair

KINDS = ("atlas", "breathing")


@dataclass(frozen=True)
class Group:
    """Pairs of one network; those of chests have a label, as their table goes by case.

    Attributes:
        train: (moving, fixed) rows, drawn from at random.
        val: what chooses weights and rates; never test pairs.
        test: what is reported.
    """

    train: tuple[tuple[int, int], ...]
    val: tuple[Pair, ...]
    test: tuple[Pair, ...]


def groups(packed: Packed, task: Mapping[str, Any]) -> list[Group]:
    """Return the groups of a task, each with pairs to learn from and to test.

    Args:
        packed: the cohort.
        task: ``kind``. For ``atlas`` ``learn`` and ``test`` name parts of a joined cohort and ``atlases``
            the fixed images, as subjects of the tested part or as the number of them that come first; both
            parts may be the same. For ``breathing`` see :func:`_breathing`. ``max_pairs`` limits ``val``
            and ``test``.

    Raises:
        InputError: an unknown kind, or a part, subject or split that is not there.
    """
    kind = task.get("kind")
    if kind not in KINDS:
        raise InputError(f"config key task.kind is {kind!r}; choose {' or '.join(KINDS)}")
    found = _breathing(packed, task) if isinstance(packed, Phased) else [_across(packed, task)]
    for group in found:
        if not group.train or not group.test:
            raise InputError(
                f"cohort '{packed.name}' gives {len(group.train)} pairs to learn from and {len(group.test)} "
                "to test; both are needed, give it more subjects"
            )
    return found


def _across(packed: Packed, task: Mapping[str, Any]) -> Group:
    """Return the pairs of training on one part and testing on another."""
    train, val = (_rows(packed, f"{task['learn']}-{split}") for split in ("train", "val"))
    test = _rows(packed, f"{task['test']}-test")
    fixed = _atlases(packed, task, test)
    # an atlas is a test scan as well; it is not registered to itself
    tested = [name_pair(packed, m, f) for f in fixed for m in test if m != f]
    validated = [name_pair(packed, m, f) for m, f in permutations(val, 2)]
    return Group(
        tuple(permutations(train, 2)),
        tuple(limited(validated, task, "val")),
        tuple(limited(tested, task, "test")),
    )


def _rows(packed: Packed, split: str) -> list[int]:
    rows = packed.indices(split)
    if not rows:
        known = ", ".join(dict.fromkeys(packed.splits))
        raise InputError(
            f"cohort '{packed.name}' has nobody in '{split}', it has {known}; see task.learn and test"
        )
    return rows


def _atlases(packed: Packed, task: Mapping[str, Any], test: list[int]) -> list[int]:
    wanted = task.get("atlases", 1)
    if isinstance(wanted, int):
        return test[:wanted]
    names = {packed.subjects[row]: row for row in test}
    full = [f"{task['test']}-{name}" for name in wanted]
    if lost := [name for name in full if name not in names]:
        raise InputError(
            f"config key task.atlases: cohort '{packed.name}' has no test subject '{lost[0]}'; "
            f"it has {', '.join(sorted(names)[:6])} ..."
        )
    return [names[name] for name in full]


def _breathing(packed: Phased, task: Mapping[str, Any]) -> list[Group]:
    """Return a group per fold: full exhale onto full inhale of its patients, any two phases of those who
    train.

    The fold after it validates. ``task.folds`` names the folds to run, all by default.
    """
    count = max(packed.folds, default=-1) + 1
    found = []
    for fold in task.get("folds", range(count)):
        parts = divide_patients(packed, int(fold))
        held = {
            part: tuple(
                Pair(f"{p}-exhale-to-inhale", moving, fixed, f"case{p}")
                for p, (moving, fixed) in zip(parts[part], exhale_to_inhale(packed, parts[part]))
            )
            for part in ("val", "test")
        }
        found.append(Group(tuple(any_phases(packed, parts["train"])), held["val"], held["test"]))
    if not found:
        raise InputError(f"cohort '{packed.name}' has no folds; set its key 'folds.count'")
    return found
