"""Cohorts of the form ``sequences``: greyscale sequences labelled at ED and ES (see :mod:`.reader`).

The key ``read`` says how the raw files lie below the root:

``frames``  pattern of the sequences, NIfTI of (columns, rows, frames), with ``{subject}``, the patient. Other
            fields, such as ``{view}``, tell the sequences of a patient apart
``labels``  the same of label maps of all frames; or ``{ED: pattern, ES: pattern}`` of those of single frames
``info``    the same of texts with lines ``ED: 1`` and ``ES: 18``, frames counted from 1; without it these are
            the first and the last
``flow``    the same of known motion, (columns, rows, frames - 1, 2): mm along rows and columns from frame
            to frame
``classes`` name by value of the labels: ``{1: cavity, 2: myocardium}``; ``background`` becomes 0
``size``    pixels of a side that all are resized to, after the longer side was cut at both ends alike; needed
            where sizes differ

Splits come from the cohort's ``split`` (counts, or ``rest``), ``split_seed`` or ``split_file``, by patient,
so that views of one stay together; else from ``splits.csv``. A public dataset brings the patterns of its
layout.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mlmi2023.cohorts.find.layouts import OWN_KEYS
from mlmi2023.cohorts.forms.sequences.listing import found_files, items, split_table
from mlmi2023.cohorts.forms.sequences.options import Read
from mlmi2023.core.errors import InputError
from mlmi2023.core.merging import merge
from mlmi2023.core.options import options
from mlmi2023.core.schemas import suggest

#: what simulators write
MADE = {
    "info": "{subject}/Info_{view}.cfg",
    "flow": "{subject}/{subject}_{view}_flow.nii.gz",
    "classes": {1: "cavity", 2: "myocardium"},
}


def raw_files(config: dict[str, Any], root: Path) -> list[Path]:
    """Return the user's files that :func:`pack` reads; patterns that fit no file stand for themselves.

    Raises:
        InputError: all kinds of files are there, and they do not fit each other or the splits.
    """
    where, root = "config of the cohort", Path(root)
    read, own = read_key(config, where), with_split(config)
    found, table = found_files(read, root), split_table(own, root)
    if all(file.exists() for file in found) and (table is None or table.exists()):
        items(where, own, read, root)
    return [*found, *([table] if table else [])]


def read_key(config: dict[str, Any], where: str = "config of the cohort") -> Read:
    """Return the key ``read``, laid on what a simulator or a dataset's layout says.

    Raises:
        InputError: a key or variant is unknown, or a value cannot be used.
    """
    variant = variant_of(config, where)
    below = (variant or {}).get("read") or (MADE if config.get("kind") == "simulated" else {})
    own = config.get("read") or {}
    # one way to say where labels are, and names of values, in the place of the other
    below = {key: value for key, value in below.items() if key not in ("labels", "classes") or key not in own}
    return options(Read, merge(below, own), where, "read")


def variant_of(config: dict[str, Any], where: str = "config of the cohort") -> dict[str, Any] | None:
    """Return the variant of a public dataset that is read, or None.

    Raises:
        InputError: it is unknown.
    """
    if not config.get("layout"):
        return None
    variants = config["layout"]["variants"]
    name = config.get("variant") or next(iter(variants))
    if name not in variants:
        raise InputError(f"{where}: key 'variant' is '{name}'{suggest(str(name), list(variants))}")
    return variants[name]  # type: ignore[no-any-return]


def with_split(config: dict[str, Any]) -> dict[str, Any]:
    """Return the configuration with the split of a dataset's variant, unless it has one of its own."""
    variant = variant_of(config) or {}
    if config.get("split") or config.get("split_file"):
        return config
    return {**{key: variant[key] for key in OWN_KEYS if key in variant}, **config}


def pack(config: dict[str, Any], root: Path, out: Path, name: str) -> None:
    """Write the packed sequences, whole or not at all.

    Args:
        config: the cohort's configuration.
        root: its raw root.
        out: folder to write.
        name: the cohort's name.

    Raises:
        InputError: a file or key cannot be used; the line names it, and the fix.
    """
    from mlmi2023.cohorts.forms.sequences.packing import write_packed

    where, root = f"config of cohort '{name}'", Path(root)
    read = read_key(config, where)
    write_packed(where, read, items(where, with_split(config), read, root), out, name)


def looks(packed: Path) -> Iterator[Any]:
    """Yield the first frame of every sequence for the search of near-twins."""
    from mlmi2023.cohorts.forms.sequences.reader import open_sequences
    from mlmi2023.preprocessing.twins import Look

    cohort = open_sequences(packed)
    for subject, split, first in zip(cohort.subjects, cohort.splits, cohort.first):
        yield Look(subject, split, cohort.frames[first])


def draw_samples(packed: Path, png: Path) -> None:
    """Draw some sequences of each split with labels outlined."""
    from mlmi2023.cohorts.forms.sequences.picture import draw
    from mlmi2023.cohorts.forms.sequences.reader import open_sequences

    draw(open_sequences(packed), png)
