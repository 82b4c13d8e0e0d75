"""Tables of a stand-in cohort, and ``cohort.json``."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mlmi2023.cohorts.forms.scans.raw import COLUMNS
from mlmi2023.core.files import write_json


def write_table(file: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a small table: tab-separated if its name ends with tsv, else by commas; its folder is made."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with open(file, "w", newline="") as stream:
        writer = csv.writer(stream, delimiter="\t" if file.suffix == ".tsv" else ",", lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def write_scans(root: Path, rows: Sequence[Mapping[str, str]], names: Mapping[int, str]) -> None:
    """Write ``scans.csv`` and ``labels.csv`` of the form ``scans``.

    Args:
        root: the raw root.
        rows: of each scan, subject, split, site, and the paths of image and labels below the root.
        names: of structures by label value.
    """
    write_table(root / "scans.csv", COLUMNS, ([row[column] for column in COLUMNS] for row in rows))
    write_table(root / "labels.csv", ("index", "name"), names.items())


def write_about(root: Path, config: Mapping[str, Any], options: Mapping[str, Any]) -> None:
    """Write ``cohort.json``: the configuration with complete options, and the seed."""
    write_json(root / "cohort.json", {"config": {**config, "options": options}, "seed": config["seed"]})
