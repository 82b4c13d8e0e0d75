"""Which reports a cohort has, whose they are, and in which split."""

import csv
import gzip
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from mlmi2023.cohorts.find.patterns import fields_of, find, natural
from mlmi2023.cohorts.find.splits import SPLITS, by_counts, by_file, table_place
from mlmi2023.cohorts.forms.reports.options import Read, SplitTable
from mlmi2023.cohorts.forms.reports.sections import pair_of, uniform
from mlmi2023.core.errors import InputError


class Report(NamedTuple):
    """A report: its id, whose it is, both sections, and the split that its own table gives it, if any."""

    name: str
    patient: str
    findings: str
    impression: str
    split: str = ""


def first_text(read: Read, root: Path) -> Path:
    """Return the first file that fits the pattern of texts; without one, the pattern stands for itself."""
    pattern = str(read.texts)
    return next((Path(match.path) for match in find(root, pattern, fields_of(pattern))), root / pattern)


def split_table(config: Mapping[str, Any], read: Read, root: Path) -> Path | None:
    """Return the table of splits, if they come from one."""
    if config.get("split_file"):
        return table_place(root, str(config["split_file"]))
    return root / read.splits.file if read.splits and not config.get("split") else None


def reports(where: str, read: Read, root: Path) -> list[Report]:
    """Return all reports, in the order of their names, with uniform text.

    Raises:
        InputError: a file or column is missing, or a name is there twice.
    """
    found: dict[str, Report] = {}
    for report in _rows(where, read, root) if read.table else _texts(where, read, root):
        if report.name in found:
            raise InputError(f"{where}: report '{report.name}' is there twice; names must differ")
        found[report.name] = report
    if not found:
        raise InputError(f"{where}: there are no reports below {root}; check root and the key 'read'")
    return [found[name] for name in sorted(found, key=natural)]


def long_enough(report: Report, read: Read) -> bool:
    """Return whether both sections have words enough."""
    least = read.least
    return len(report.findings.split()) >= max(1, least.findings) and len(report.impression.split()) >= max(
        1, least.impression
    )


def splits(
    where: str, config: Mapping[str, Any], read: Read, root: Path, used: list[Report]
) -> dict[str, str]:
    """Return the split of each report that has one.

    Raises:
        InputError: splits cannot be had, or a patient lies in two.
    """
    names = [report.name for report in used]
    patients = {report.name: report.patient for report in used}
    if config.get("split"):
        return by_counts(where, names, config["split"], config.get("split_seed"), patients)
    if config.get("split_file"):
        given = by_file(where, table_place(root, str(config["split_file"])), names)
    elif read.splits:
        given = {k: v for k, v in _given(root / read.splits.file, read.splits).items() if k in patients}
    elif read.split:
        given = {report.name: report.split for report in used if report.split}
    else:
        raise InputError(f"{where}: says nobody's split; give the cohort a key 'split' or 'split_file'")
    home: dict[str, str] = {}
    for name, split in given.items():
        if split not in SPLITS:
            raise InputError(f"{where}: split of report {name} is '{split}'; use {', '.join(SPLITS)}")
        if home.setdefault(patients[name], split) != split:
            raise InputError(
                f"{where}: patient {patients[name]} lies in {home[patients[name]]} and in {split}; "
                "keep a patient's reports in one split"
            )
    return given


def _rows(where: str, read: Read, root: Path) -> Iterator[Report]:
    file = root / str(read.table)
    columns = [read.subject, read.findings, read.impression]
    columns += [column for column in (read.patient, read.split) if column]
    for row in _table(file, columns):
        name = row[read.subject].strip()
        yield Report(
            name,
            row[read.patient].strip() if read.patient else name,
            uniform(row[read.findings]),
            uniform(row[read.impression]),
            row[read.split].strip() if read.split else "",
        )


def _texts(where: str, read: Read, root: Path) -> Iterator[Report]:
    pattern = str(read.texts)
    for match in find(root, pattern, fields_of(pattern)):
        try:
            text = Path(match.path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{match.path}: cannot be read as text ({type(error).__name__})") from None
        findings, impression = pair_of(text)
        patient = match.fields.get("patient", match.subject)
        yield Report(match.subject, patient, uniform(findings), uniform(impression))


def _given(file: Path, about: SplitTable) -> dict[str, str]:
    called = {theirs: ours for ours, theirs in (about.names or {}).items()}
    return {
        row[about.subject].strip(): called.get(row[about.split].strip(), row[about.split].strip())
        for row in _table(file, [about.subject, about.split])
    }


def _table(file: Path, columns: list[str]) -> Iterator[dict[str, str]]:
    """Yield rows of a CSV file, plain or gzipped, with texts of any length and line breaks in them.

    Raises:
        InputError: it cannot be read or lacks a column; no cell is quoted.
    """
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    opener: Any = gzip.open if file.suffix == ".gz" else open
    try:
        with opener(file, "rt", newline="", encoding="utf-8-sig") as stream:
            rows = csv.DictReader(stream)
            for column in columns:
                if column not in (rows.fieldnames or ()):
                    raise InputError(
                        f"{file}: has no column '{column}'; correct the cohort's key 'read' or the table"
                    )
            for row in rows:
                yield {column: row[column] or "" for column in columns}
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            f"{file}: cannot be read as a table ({type(error).__name__}); get it again"
        ) from None
