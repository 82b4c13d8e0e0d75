"""The files of a stand-in cohort: RadFusion's published layout, with the truth beside it."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from mlmi2023.cohorts.sources.simulators.pulmonary_ct.patients import Exam

PARTS = 8  # RadFusion spreads its scans over the folders 0 to 7
HU_OFFSET = 1024  # its arrays hold Hounsfield units + 1024

README = """A stand-in cohort: no person was scanned and no record is real.

<0..7>/<idx>.npy   scans, (slice, row, column), Hounsfield units + 1024
*.csv              labels and health records, one row per exam, joined by the column idx
truth/<idx>.npz    mask of the filling defects, 0 or 1 + the defect's number
truth/exams.csv    the latent severity of each exam
cohort.json        parameters and seed
"""


def scan_path(root: Path, idx: int) -> Path:
    """Return where the scan of an exam lies."""
    return root / str(idx % PARTS) / f"{idx}.npy"


def truth_path(root: Path, idx: int) -> Path:
    """Return where the mask of an exam lies."""
    return root / "truth" / f"{idx}.npz"


def write_scan(root: Path, exam: Exam, volume: np.ndarray, mask: np.ndarray) -> None:
    """Write one scan and, for a positive exam, its mask."""
    if exam.has_ct:
        np.save(scan_path(root, exam.idx), (volume + HU_OFFSET).astype(np.int16))
        if mask.any():
            np.savez_compressed(truth_path(root, exam.idx), defects=mask)


def write_tables(root: Path, exams: Sequence[Exam], records: dict[str, pd.DataFrame]) -> None:
    """Write labels, records and what is known of each exam."""
    labels = pd.DataFrame(
        {
            "idx": [exam.idx for exam in exams],
            "label": [exam.label for exam in exams],
            "pe_type": [exam.type for exam in exams],
            "split": [exam.split for exam in exams],
            "patient": [exam.patient for exam in exams],
        }
    )
    # the release's tables carry an unnamed index column
    labels.to_csv(root / "Labels.csv", lineterminator="\n")
    for name, frame in records.items():
        frame.to_csv(root / f"{name}.csv", lineterminator="\n")
    truth = pd.DataFrame({"idx": labels["idx"], "severity": [round(exam.severity, 4) for exam in exams]})
    truth.to_csv(root / "truth/exams.csv", index=False, lineterminator="\n")
    (root / "README").write_text(README)
