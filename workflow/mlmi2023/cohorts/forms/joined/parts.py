"""Which part of a joined cohort a scan is from, and which labels that part has.

See :mod:`mlmi2023.cohorts.forms.joined.form`; a cohort that joins none is one part without a name.
"""

from mlmi2023.cohorts.forms.volumes.reader import Packed

#: Label v of part number p (from 0) is stored as ``APART * p + v``.
APART = 1000


def part_of(split: str) -> str:
    """Return the part that a row's split names: ``oasis`` of ``oasis-train``."""
    return split.rpartition("-")[0]


def structures(packed: Packed, row: int) -> dict[int, str]:
    """Return name by label of all structures that are labelled in a scan's part."""
    parts = list(dict.fromkeys(map(part_of, packed.splits)))
    low = APART * parts.index(part_of(packed.splits[row]))
    return {v: name for v, name in sorted(packed.label_names.items()) if low < v < low + APART}
