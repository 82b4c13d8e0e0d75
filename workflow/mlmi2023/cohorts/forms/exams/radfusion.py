"""Read exams in the layout in which RadFusion is published.

::

    Labels.csv                       idx, label, pe_type, split; ours also patient
    Demographics.csv Vitals.csv ICD.csv INP_MED.csv OUT_MED.csv LABS.csv     idx and one column per feature
    <0..7>/<idx>.npy                 scans, (slice, row, column)
    truth/<idx>.npz                  stand-ins only: masks of the filling defects

Tables may carry an unnamed index column and a column ``split``, and a table may list an exam twice: the
first row counts. An exam that no table lists has no record; one without a file has no scan.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mlmi2023.core.errors import InputError

TABLES = ("Demographics", "Vitals", "ICD", "INP_MED", "OUT_MED", "LABS")
FOLDER = "multimodalpulmonaryembolismdataset"
PARTS = tuple(map(str, range(8)))
SPLITS = ("train", "val", "test")
_NO_TYPE = ("", "nan", "none", "negative", "n/a")


@dataclass(frozen=True)
class RawExams:
    """Exams before they are packed; all lists have one entry per exam.

    Attributes:
        cases: id of the exam (RadFusion's ``idx``).
        subjects: patient; the exam itself where the release does not say.
        splits: train, val or test.
        labels: 1 with an embolism.
        types: type of the embolism in small letters, or empty.
        scans: file of the scan, or None.
        has_record: whether a table lists the exam.
        record: ``case`` and one column per feature, NaN where nothing is known.
    """

    cases: list[str]
    subjects: list[str]
    splits: list[str]
    labels: list[int]
    types: list[str]
    scans: list[Path | None]
    has_record: list[bool]
    record: pd.DataFrame


def base_folder(root: Path) -> Path:
    """Return the folder with the tables: the root itself, or the one that the release unpacks to."""
    return root / FOLDER if (root / FOLDER).is_dir() else root


def read_exams(where: str, root: Path, parts: list[str] | None = None) -> RawExams:
    """Read labels and records and look the scans up.

    Args:
        where: how messages name the configuration.
        root: the raw root.
        parts: folders of scans to use; exams whose scan lies elsewhere are left out.

    Raises:
        InputError: a table is missing, lacks a column or holds a value that cannot be; no scan is found; a
            patient lies in two splits.
    """
    base = base_folder(root)
    labels = _table(base / "Labels.csv", ("idx", "label", "split"))
    if labels.empty:
        raise InputError(f"{base}/Labels.csv: lists no exam; use the release's file")
    found = _scans(base, parts or list(PARTS))
    if not found:
        raise InputError(
            f"{where}: no scan in {base}: looked for 0/<idx>.npy to 7/<idx>.npy there; unpack the scans"
        )
    if parts:
        labels = labels[labels["idx"].isin(found)].reset_index(drop=True)
    record, listed = _record(base, labels["idx"].tolist())
    splits = [split.strip().lower().replace("valid", "val") for split in labels["split"].astype(str)]
    for case, split in zip(labels["idx"], splits):
        if split not in SPLITS:
            raise InputError(f"{base}/Labels.csv: split of exam {case} is '{split}'; use {', '.join(SPLITS)}")
    values = pd.to_numeric(labels["label"], errors="coerce")
    if not values.isin([0, 1]).all():
        row = labels[~values.isin([0, 1])].iloc[0]
        raise InputError(f"{base}/Labels.csv: label of exam {row['idx']} is '{row['label']}'; use 0 or 1")
    types = [str(t).strip().lower() for t in labels.get("pe_type", pd.Series([""] * len(labels))).fillna("")]
    raw = RawExams(
        cases=labels["idx"].tolist(),
        subjects=[str(p) for p in labels.get("patient", labels["idx"])],
        splits=splits,
        labels=values.astype(int).tolist(),
        types=["" if t in _NO_TYPE or not y else t for t, y in zip(types, values)],
        scans=[found.get(case) for case in labels["idx"]],
        has_record=[case in listed for case in labels["idx"]],
        record=record,
    )
    _one_split_each(base, raw)
    return raw


def _scans(base: Path, parts: list[str]) -> dict[str, Path]:
    """Return the scan of each exam, in folders or, where these hold none, beside the tables."""
    found: dict[str, Path] = {}
    for file in [file for part in parts for file in sorted((base / str(part)).glob("*.npy"))]:
        if file.stem in found:
            raise InputError(
                f"{file}: exam {file.stem} lies in {found[file.stem].parent.name} too; remove one of the two"
            )
        found[file.stem] = file
    return found or {file.stem: file for file in sorted(base.glob("*.npy"))}


def _one_split_each(base: Path, raw: RawExams) -> None:
    home: dict[str, str] = {}
    for subject, split in zip(raw.subjects, raw.splits):
        if home.setdefault(subject, split) != split:
            raise InputError(
                f"{base}/Labels.csv: patient {subject} lies in {home[subject]} and in {split}; "
                "keep a patient's exams in one split"
            )


def _table(file: Path, needed: tuple[str, ...]) -> pd.DataFrame:
    """Read a table with ``idx`` as text, once per exam, without index columns."""
    try:
        frame = pd.read_csv(file, dtype={"idx": str}, low_memory=False)
    except FileNotFoundError as error:
        raise InputError(f"{file}: no such table; unpack the release's tables there") from error
    except (pd.errors.EmptyDataError, pd.errors.ParserError, UnicodeDecodeError) as error:
        raise InputError(f"{file}: not a CSV table ({error}); unpack it again") from error
    frame = frame[[c for c in frame.columns if not str(c).startswith("Unnamed")]]
    lost = [column for column in needed if column not in frame.columns]
    if lost:
        raise InputError(
            f"{file}: no column '{lost[0]}', it has {', '.join(map(str, frame.columns[:6]))}; "
            "use the release's file"
        )
    frame["idx"] = frame["idx"].str.strip().str.removesuffix(".0")
    return frame.drop_duplicates("idx").reset_index(drop=True)


def _record(base: Path, cases: list[str]) -> tuple[pd.DataFrame, set[str]]:
    """Return one row of numbers per exam, and the exams that every table lists."""
    parts, listed = [pd.DataFrame({"case": cases})], set(cases)
    for name in TABLES:
        file = base / f"{name}.csv"
        frame = _table(file, ("idx",)).drop(columns=["split", "label", "pe_type"], errors="ignore")
        listed &= set(frame["idx"])
        frame = frame.set_index("idx").reindex(cases).reset_index(drop=True)
        for column in frame.columns:
            numbers = pd.to_numeric(frame[column], errors="coerce")
            if (numbers.isna() & frame[column].notna()).any():
                odd = frame.loc[numbers.isna() & frame[column].notna(), column].iloc[0]
                raise InputError(
                    f"{file}: column '{column}' holds '{odd}', no number; drop the column or code it"
                )
            # the packed record is read as float32
            if (numbers.abs() > np.finfo(np.float32).max).any():
                raise InputError(
                    f"{file}: column '{column}' holds {numbers.abs().max():g}; correct it, or leave it empty"
                )
            frame[column] = numbers.astype(float)
        # two tables may name a drug alike
        parts.append(frame.add_prefix(f"{name}:"))
    return pd.concat(parts, axis=1), listed


def open_scan(file: Path) -> np.ndarray:
    """Return the scan (slice, row, column), mapped, not read.

    Raises:
        InputError: the file is broken or no stack of slices.
    """
    try:
        scan = np.load(file, mmap_mode="r")
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{file}: cannot be read ({error}); copy it again from the release") from error
    if scan.ndim != 3:
        raise InputError(f"{file}: has the shape {scan.shape}, not (slices, rows, columns); copy it again")
    if scan.size == 0 or scan.dtype.kind not in "iuf":
        raise InputError(
            f"{file}: {scan.shape[0]} slices of {scan.shape[1]} x {scan.shape[2]} values of type "
            f"{scan.dtype}; copy it again from the release"
        )
    return scan


def defects_of(scan: Path | None) -> Path | None:
    """Return the file of a stand-in's mask, or None."""
    if scan is None:
        return None
    file = scan.parent.parent / "truth" / f"{scan.stem}.npz"
    return file if file.exists() else None
