"""Reports as they are packed: texts in one file, who and which split in ``cohort.json``."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mlmi2023.cohorts.forms.reports.listing import Report, long_enough, reports, splits
from mlmi2023.cohorts.forms.reports.options import Read
from mlmi2023.cohorts.seal import seal
from mlmi2023.core.errors import InputError
from mlmi2023.core.files import atomic, file_hash, write_json

TEXTS = "reports.json"


def write_packed(where: str, config: Mapping[str, Any], read: Read, root: Path, out: Path, name: str) -> None:
    """Pack reports into the folder ``out``, whole or not at all.

    Args:
        where: how messages name the configuration.
        config: of the cohort, with its splits.
        read: its key ``read``.
        root: its raw root.
        out: folder to write.
        name: of the cohort.

    Raises:
        InputError: a file cannot be used, or no report is long enough.
    """
    there = reports(where, read, root)
    whole = [report for report in there if long_enough(report, read)]
    if not whole:
        raise InputError(
            f"{where}: none of {len(there)} reports has {read.least.findings} words of findings and "
            f"{read.least.impression} of impression; check the columns or headings, or lower read.least"
        )
    given = splits(where, config, read, root, whole)
    used = [report for report in whole if report.name in given]
    rows = [{"subject": report.name, "split": given[report.name], "group": report.patient} for report in used]
    with atomic(out) as part:
        part.mkdir()
        write_json(part / TEXTS, [[report.findings, report.impression] for report in used])
        about: dict[str, Any] = {
            "name": name, "form": "reports", "subjects": rows, "shown": read.show,
            "facts": _facts(used, rows, len(there), len(whole)),
        }  # fmt: skip
        seal(part, about, {TEXTS: file_hash(part / TEXTS)})


def _facts(
    used: Sequence[Report], rows: Sequence[Mapping[str, Any]], there: int, whole: int
) -> list[tuple[str, str]]:
    found = []
    for split, count in Counter(row["split"] for row in rows).items():
        people = len({row["group"] for row in rows if row["split"] == split})
        found.append((split, f"{count} reports of {people} patients"))
    for what, texts in (
        ("findings", [report.findings for report in used]),
        ("impression", [report.impression for report in used]),
    ):
        counts = sorted(len(text.split()) for text in texts) or [0]
        found.append((what, f"{counts[len(counts) // 2]} words (median), {counts[-1]} at most"))
    found.append(("left out", f"{there - whole} reports without both sections or with too few words"))
    return found
