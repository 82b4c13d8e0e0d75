"""Who belongs together: both eyes of a child, slices of a scan, visits of a patient.

The cohort's key ``group`` says so, and whoever belongs together is on one side of every split and in one
fold::

    group: "{group}_*"                        # in the place of {subject}: 12_left and 12_right are 12
    group: "([0-9]+)[LR]"                     # a regular expression; its first bracket is the group
    group: child                              # a column of split_file, participants.tsv or the form's CSV
    group: {file: people.csv, column: child}  # a column of any table that has the subjects too

Numbers in ``split`` then count groups. Standard library only: this runs whenever the DAG is built.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from mlmi2023.cohorts.find.patterns import clean
from mlmi2023.cohorts.find.splits import SUBJECT_COLUMNS, read_table, table_place
from mlmi2023.core.errors import InputError


def check_group(where: str, group: Any) -> None:
    """Refuse a key ``group`` that cannot be understood, as far as that needs no data.

    Raises:
        InputError: it is neither a text nor a file and a column, or no regular expression.
    """
    if isinstance(group, Mapping):
        if set(group) != {"file", "column"} or not all(isinstance(v, str) and v for v in group.values()):
            raise InputError(
                f"{where}: key 'group' needs file and column, such as {{file: a.csv, column: b}}"
            )
    elif not isinstance(group, str) or not group:
        raise InputError(
            f"{where}: key 'group' is {group!r}; give a column, or a pattern of the subjects' names such as "
            "'{group}_*'"
        )
    elif _is_pattern(group):
        _expression(where, group)


def groups_of(
    where: str,
    config: Mapping[str, Any],
    root: Path,
    subjects: Iterable[str] | Mapping[str, str],
    table: tuple[Path, str] | None = None,
    read: Callable[[Path, str], list[dict[str, str]]] = read_table,
) -> dict[str, str]:
    """Return the group of each subject; empty if the cohort has no key ``group``.

    Args:
        where: how messages name the configuration.
        config: of the cohort.
        root: of the cohort's files; tables are looked for below it.
        subjects: ids; by id, the name as the files have it where that is another.
        table: file and column of subjects where a bare column is looked for; without it that is
            ``split_file`` or ``participants.tsv``.
        read: reads that table; all others are small ones.

    Raises:
        InputError: the pattern does not fit a name, or a table lacks the column or a subject.
    """
    group = config.get("group")
    if group is None:
        return {}
    check_group(where, group)
    names = dict(subjects) if isinstance(subjects, Mapping) else {subject: subject for subject in subjects}
    if isinstance(group, str) and _is_pattern(group):
        return _by_pattern(where, group, names)
    column = group["column"] if isinstance(group, Mapping) else group
    file, key = table or (None, "")
    if isinstance(group, Mapping):
        file, key = table_place(root, group["file"]), ""
    own = table is not None and file == table[0]
    file = file or _own_table(where, config, root, column)
    return _by_column((read if own else read_table)(file, where), file, key, column, names)


def keep_together(where: str, splits: Mapping[str, str], groups: Mapping[str, str]) -> None:
    """Refuse splits that tear a group apart; the atlas takes part in training.

    Raises:
        InputError: one line with the group and its two sides.
    """
    first: dict[str, tuple[str, str]] = {}
    for subject, split in splits.items():
        group = groups.get(subject, subject)
        side = "train" if split == "atlas" else split
        other, there = first.setdefault(group, (subject, side))
        if there != side:
            raise InputError(
                f"{where}: group '{group}' is torn apart: subject {other} is in {there}, {subject} in "
                f"{side}; give both one split"
            )


def is_column(group: Any) -> bool:
    """Whether a key ``group`` is the bare name of a column."""
    return isinstance(group, str) and not _is_pattern(group)


def _is_pattern(group: str) -> bool:
    return "{group}" in group or "(" in group


def _expression(where: str, group: str) -> re.Pattern[str]:
    if "{group}" in group:
        parts = re.split(r"(\{group\}|\*)", group)
        if parts.count("{group}") > 1:
            raise InputError(f"{where}: key 'group' is '{group}'; write {{group}} once")
        words = {"{group}": "(.+?)", "*": ".*"}
        return re.compile("".join(words.get(part) or re.escape(part) for part in parts) + r"\Z", re.DOTALL)
    try:
        found = re.compile(group)
    except re.error as error:
        raise InputError(f"{where}: key 'group' is '{group}', no regular expression: {error}") from error
    if not found.groups:
        raise InputError(f"{where}: key 'group' is '{group}'; put what is the group into round brackets")
    return found


def _by_pattern(where: str, group: str, names: Mapping[str, str]) -> dict[str, str]:
    expression = _expression(where, group)
    find = expression.match if "{group}" in group else expression.search
    found = {}
    for subject, name in names.items():
        match = find(name)
        if match is None or not match[1]:
            raise InputError(
                f"{where}: key 'group' is '{group}', which does not fit subject '{name}'; widen it so that "
                "it fits all"
            )
        found[subject] = match[1]
    return found


def _own_table(where: str, config: Mapping[str, Any], root: Path, column: str) -> Path:
    if config.get("split_file"):
        return table_place(root, config["split_file"])
    if (root / "participants.tsv").is_file():
        return root / "participants.tsv"
    raise InputError(
        f"{where}: key 'group' is '{column}', a column, and there is no split_file and no "
        f"{root / 'participants.tsv'}; give group: {{file: ..., column: {column}}}, or a pattern with "
        "{group}"
    )


def _by_column(
    rows: list[dict[str, str]], file: Path, key: str, column: str, names: Mapping[str, str]
) -> dict[str, str]:
    columns = list(rows[0]) if rows else []
    key = next((c for c in ([key] if key else SUBJECT_COLUMNS) if c in columns), "")
    if not key or column not in columns:
        raise InputError(
            f"{file}: needs the columns {key or 'subject'} and {column} for the groups, has "
            f"{', '.join(columns) or 'no rows'}; correct 'group' of the cohort"
        )
    told: dict[str, str] = {}
    for row in rows:
        subject, group = clean(row[key] or ""), (row[column] or "").strip()
        if told.setdefault(subject, group) != group:
            raise InputError(
                f"{file}: subject {row[key]} is in the groups {told[subject]} and {group}; keep one row"
            )
    found = {}
    for subject, name in names.items():
        found[subject] = told.get(clean(name), "")
        if found[subject] in ("", "n/a"):
            raise InputError(
                f"{file}: subject {name} has no {column}; fill it in, it is the cohort's 'group'"
            )
    return found
