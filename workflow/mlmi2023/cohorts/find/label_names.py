"""Names of the structures in a cohort's label images."""

import re
from pathlib import Path
from typing import Any

from mlmi2023.cohorts.find import layouts
from mlmi2023.cohorts.find.splits import read_table
from mlmi2023.core.errors import InputError


def label_names(config: dict[str, Any], root: Path) -> dict[int, str]:
    """Return the name of each label value, without the background.

    Sources, the first that is there: ``label_names`` in the cohort's config; the table that a release ships
    with its images; BIDS ``derivatives/labels/dseg.tsv``; the dataset's file in ``resources/datasets/``.

    Args:
        config: the cohort's configuration.
        root: the folder of its images.

    Returns:
        names by value; empty if nothing tells them (``pack`` then writes ``label_<n>``).

    Raises:
        InputError: a value is no positive whole number, a name is empty or stands twice.
    """
    root = Path(root)
    if config.get("label_names"):
        return _checked(config["label_names"], "key 'label_names'")
    if config.get("kind") == "dataset":
        choice = layouts.choose("cohort", config, root)
        table = choice.root / str(choice.config.get("label_file", ""))
        if table.is_file() and table.stat().st_size:
            return _colour_table(table)
        own = choice.config.get("label_names") or config["layout"].get("label_names") or {}
        return _checked(own, f"label_names of {config['layout']['name']}")
    table = root / "derivatives/labels/dseg.tsv"
    if table.is_file():
        rows = read_table(table, "derivatives/labels")
        if rows and not {"index", "name"} <= set(rows[0]):
            raise InputError(f"{table}: needs the columns index and name; add them")
        return _checked({row["index"]: row["name"] for row in rows if row["index"] != "0"}, str(table))
    return {}


def named(names: dict[int, str], values: set[int]) -> dict[int, str]:
    """Return a name for each value that occurs: its own, or ``label_<n>``."""
    return {value: names.get(value, f"label_{value}") for value in sorted(values) if value != 0}


def _colour_table(file: Path) -> dict[int, str]:
    """Read a FreeSurfer colour table: number, name, red, green, blue, alpha."""
    names: dict[Any, str] = {}
    for line in file.read_text(errors="replace").splitlines():
        match = re.match(r"\s*(\d+)\s+(\S+)", line)
        if match and int(match[1]) != 0:
            names[int(match[1])] = match[2]
    return _checked(names, str(file))


def _checked(names: dict[Any, Any], where: str) -> dict[int, str]:
    checked: dict[int, str] = {}
    for value, name in names.items():
        try:
            number = int(str(value))
        except ValueError:
            number = 0
        if number <= 0 or not str(name).strip():
            raise InputError(f"{where}: {value!r}: {name!r}; give whole numbers above 0 and a name each")
        if str(name) in checked.values():
            raise InputError(f"{where}: the name '{name}' stands twice; make names differ")
        checked[number] = str(name)
    return checked
