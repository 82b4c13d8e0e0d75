"""Cross-validation folds: by subject, stratified by class, drawn once and shared by all methods."""

from collections.abc import Sequence

import numpy as np

from mlmi2023.core.errors import InputError


def stratified_folds(
    where: str,
    labels: Sequence[int],
    subjects: Sequence[str],
    count: int,
    seed: int,
    names: Sequence[str] = (),
) -> np.ndarray:
    """Deal subjects into folds so that each fold has its share of every class.

    Subjects of a class are shuffled and dealt one after the other; a class goes on where the one before
    stopped, so that folds differ by one subject at most, in all and per class.

    Args:
        where: how messages name the configuration.
        labels: (N,) class of each row.
        subjects: (N,) subject of each row, or the group that it belongs to; rows of one go to one fold, by
            the class of the first.
        count: folds.
        seed: of the shuffle.
        names: of the classes, for messages.

    Returns:
        (N,) fold of each row, 0 to ``count`` - 1.

    Raises:
        InputError: a class has fewer subjects than there are folds.
    """
    first: dict[str, int] = {}
    for subject, label in zip(subjects, labels):
        first.setdefault(subject, int(label))
    rng = np.random.default_rng(seed)
    place: dict[str, int] = {}
    dealt = 0
    for label in sorted(set(first.values())):
        members = sorted(subject for subject, own in first.items() if own == label)
        if len(members) < count:
            name = names[label] if names else label
            raise InputError(
                f"{where}: class {name} has {len(members)} subjects or groups, too few for {count} folds; "
                "lower 'folds.count' or merge classes"
            )
        for subject in rng.permutation(members).tolist():
            place[subject] = dealt % count
            dealt += 1
    return np.array([place[subject] for subject in subjects])


def hold_out(
    labels: np.ndarray, rows: np.ndarray, share: float, seed: int, groups: Sequence[str] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Split training rows into training and validation rows, stratified; for operating points.

    Args:
        labels: (N,) class of every row of the table.
        rows: training rows.
        share: share of each class that validates; at least one row of it where ``share`` is above 0.
        seed: of the draw.
        groups: (N,) of rows that stay together, by the class of the first; None: each row is one.

    Returns:
        Training rows and validation rows, both sorted.
    """
    if groups is not None:
        first = {groups[row]: row for row in rows[::-1].tolist()}
        _, held_rows = hold_out(labels, np.array(sorted(first.values()), dtype=int), share, seed)
        held_groups = {groups[row] for row in held_rows}
        apart = np.array([groups[row] in held_groups for row in rows], dtype=bool)
        return np.sort(rows[~apart]), np.sort(rows[apart])
    rng = np.random.default_rng(seed)
    held: list[int] = []
    for label in np.unique(labels[rows]):
        own = rows[labels[rows] == label]
        number = max(1, round(share * len(own))) if share > 0 else 0
        held += rng.permutation(own)[:number].tolist()
    return np.setdiff1d(rows, held), np.array(sorted(held), dtype=int)
