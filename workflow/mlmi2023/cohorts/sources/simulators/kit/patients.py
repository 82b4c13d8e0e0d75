"""Who is simulated, in which split, and the random numbers of each."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from mlmi2023.core.errors import InputError
from mlmi2023.core.schemas import suggest


class Patient(NamedTuple):
    """One patient, volume or image that is to be made.

    Attributes:
        number: in the cohort; it decides the random stream.
        name: id in files and tables.
        split: train, val, test, or one of the cohort's own.
        seed: of the cohort.
    """

    number: int
    name: str
    split: str
    seed: int

    def random(self, *purpose: int) -> np.random.Generator:
        """Return the patient's own stream: the same whoever else is made, and by whichever process."""
        return np.random.default_rng([self.seed, self.number, *purpose])


def plan(
    config: Mapping[str, Any], name: str = "{:03d}", splits: Sequence[str] = (), offset: int = 0
) -> list[Patient]:
    """Return the patients of a cohort, split by split.

    Args:
        config: of the cohort: ``seed``, and ``subjects``, counts by split.
        name: pattern of ids, for numbers from 1.
        splits: the splits that may be named, in their order; empty: any, in the order of the config.
        offset: added to the numbers that decide the random streams.

    Raises:
        InputError: an unknown split, a count that is none, or nobody at all.
    """
    found = split_of_each(config.get("subjects") or {}, splits)
    seed = int(config["seed"])
    return [Patient(n + offset, name.format(n), split, seed) for n, split in enumerate(found, 1)]


def split_of_each(counts: Mapping[str, Any], splits: Sequence[str] = ()) -> list[str]:
    """Return the split of every patient; see :func:`plan`.

    Raises:
        InputError: an unknown split, a count that is none, or nobody at all.
    """
    for split, count in counts.items():
        if splits and split not in splits:
            raise InputError(f"subjects: unknown split '{split}'{suggest(split, [*splits])}")
        if not isinstance(count, int) or isinstance(count, bool) or count < 0:
            raise InputError(f"subjects.{split}: {count!r} is no number of patients")
    found = [split for split in splits or counts for _ in range(counts.get(split, 0))]
    if not found:
        raise InputError("subjects: nobody is planned; give counts such as {train: 6, val: 2, test: 3}")
    return found
