"""UK Biobank: a table of one participant per row whose columns are numbered data fields.

The three ways in which the numbers are written are known: ``25001-2.0`` (csv of the converter),
``f.25001.2.0`` (its form for R) and ``p25001_i2`` (the research analysis platform, with or without
``participant.`` before it); field, instance, and array where there is one. Instance 2 is the first imaging
visit.

Keys of a cohort's ``read``:

``file``      the table (default ``ukb.csv``)
``instance``  the visit (default 2)
``fields``    features by group: lists of field numbers, or ranges ``{first: last}`` (default :data:`FIELDS`)
"""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlmi2023.cohorts.forms.table.options import Ukbb
from mlmi2023.core.errors import InputError

if TYPE_CHECKING:
    from mlmi2023.cohorts.formats.tables import RawTable

TARGETS = ("sex", "age")
SEX, AGE = 31, 21003
DECADES = {4: "40s", 5: "50s", 6: "60s", 7: "70s"}
#: T1 volumes; means on the FA skeleton (TBSS) of FA, MD, MO and L1 to L3; task and resting fMRI summaries
FIELDS: dict[str, Any] = {
    "volumes": {25001: 25025},
    "diffusion": {25056: 25343},
    "functional": {25040: 25055},
}
NAMES = (
    re.compile(r"^(?:f\.)?(?P<field>\d+)[-.](?P<instance>\d+)\.(?P<array>\d+)$"),
    re.compile(r"^(?:participant\.)?p(?P<field>\d+)(?:_i(?P<instance>\d+))?(?:_a(?P<array>\d+))?$"),
)
IDS = ("eid", "f.eid", "participant.eid")


def raw_files(config: dict[str, Any], root: Path) -> list[Path]:
    """Return the file that is read."""
    return [root / str((config.get("read") or {}).get("file", "ukb.csv"))]


def parse(column: str) -> tuple[int, int, int] | None:
    """Return field, instance and array of a column's name, or None for any other name."""
    for pattern in NAMES:
        if found := pattern.match(column):
            return tuple(int(found[part] or 0) for part in ("field", "instance", "array"))  # type: ignore
    return None


def read(where: str, keys: Ukbb, root: Path) -> "RawTable":
    """Read the participants who have sex, an age of 40 to 79 at the visit, and any of the features.

    Raises:
        InputError: the file, the id, sex, age or all fields of a group are missing, or a value is no number.
    """
    import numpy as np

    from mlmi2023.cohorts.formats import tables as rawtables
    from mlmi2023.cohorts.formats.delimited import read_csv, read_header
    from mlmi2023.cohorts.forms.table.targets import classes_of

    file, instance = root / keys.file, keys.instance
    head = read_header(file, where)
    found = {parsed: column for column in head if (parsed := parse(column))}
    ident = next((column for column in head if column in IDS), None)
    sex = found.get((SEX, 0, 0))
    age = found.get((AGE, instance, 0))
    for what, column in (
        ("the participant's id (eid)", ident),
        (f"sex (field {SEX}, as {SEX}-0.0)", sex),
        (f"age at visit (field {AGE}, as {AGE}-{instance}.0)", age),
    ):
        if column is None:
            raise InputError(f"{file}: no column for {what}; add it to the extract")
    assert ident and sex and age
    chosen: list[tuple[str, str]] = []
    for group, fields in (keys.fields or FIELDS).items():
        wanted = _numbers(fields)
        own = [(group, column) for (f, i, a), column in found.items() if f in wanted and i == instance]
        if not own:
            raise InputError(
                f"{file}: none of the fields {min(wanted)} to {max(wanted)} ({group}) at visit {instance}; "
                "add them to the extract, or set 'read.fields'"
            )
        chosen += own
    frame = read_csv(file, where, [ident, sex, age, *(column for _, column in chosen)])
    plain = frame[[sex, age]].replace({"Female": "0", "Male": "1"})
    sexes, ages = rawtables.to_numbers(file, plain).astype(float).T
    if (odd := np.isfinite(sexes) & ~np.isin(sexes, (0, 1))).any():
        value = plain[sex][odd].iloc[0]
        raise InputError(f"{file}: column {sex} holds {value!r}; give 0 and 1, or Female and Male")
    decades = np.floor(ages / 10)
    values = frame[[column for _, column in chosen]]
    there = ~values.isin(rawtables.MISSING).all(axis=1).to_numpy()
    keep = np.isfinite(sexes) & np.isin(decades, list(DECADES)) & there
    if not keep.any():
        raise InputError(f"{file}: no participant has sex, age at visit {instance} and a feature")
    frame = frame[keep]
    subjects = rawtables.unique_subjects(file, frame[ident])
    features = rawtables.to_numbers(file, frame[[column for _, column in chosen]])
    targets = {
        "sex": ["male" if value == 1 else "female" for value in sexes[keep]],
        "age": [DECADES[int(value)] for value in decades[keep]],
    }
    orders = {"sex": ["female", "male"], "age": list(DECADES.values())}
    classes = {name: classes_of(file, name, own, subjects, orders[name]) for name, own in targets.items()}
    columns = [rawtables.Column(column, group) for group, column in chosen]
    return rawtables.RawTable(subjects, columns, features, targets, classes)


def _numbers(fields: Any) -> set[int]:
    if isinstance(fields, dict):
        return {n for first, last in fields.items() for n in range(int(first), int(last) + 1)}
    return {int(field) for field in fields}
