"""TADPOLE: baseline visits of ``TADPOLE_D1_D2.csv``, one row per subject, with the diagnosis at baseline.

Keys of a cohort's ``read``:

``max_missing``  leave out features that more than this share of subjects lacks (default 0.5)
``drop``         columns to leave out besides those that are no measurements
"""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlmi2023.cohorts.forms.table.options import Tadpole
from mlmi2023.core.errors import InputError

if TYPE_CHECKING:
    from mlmi2023.cohorts.formats.tables import RawTable

FILE = "TADPOLE_D1_D2.csv"
NEEDED = ["RID", "VISCODE", "DX_bl", "AGE", "PTGENDER", "PTEDUCAT", "APOE4", "CDRSB", "MMSE", "ADAS13"]
#: the five diagnoses of ADNI at baseline, as three stages
STAGES = {"CN": "CN", "SMC": "CN", "EMCI": "MCI", "LMCI": "MCI", "AD": "AD"}
TARGETS = ("diagnosis",)
MISSING = ("-4", "-4.0", "-1", "-1.0")
#: bookkeeping, and whatever tells the diagnosis or the course after baseline
NO_FEATURES = re.compile(
    r"^(Unnamed: \d+|RID|PTID|VISCODE|SITE|D1|D2|COLPROT|ORIGPROT|EXAMDATE.*|DX.*|FLDSTRENG.*|FSVERSION.*"
    r"|M|Month.*|Years_bl|update_stamp.*|PTETHCAT|PTRACCAT|PTMARRY)$"
    r"|(EXAMDATE|VERSION|LONISID|LONIUID|IMAGEUID|RUNDATE|STATUS|update_stamp)_"
)
#: modality by a mark in the column's name; the first that fits
GROUPS = (
    ("pet", r"^(FDG|PIB|AV45)(_bl)?$|BAIPETNMRC|UCBERKELEYAV"),
    ("dti", r"DTIROI"),
    ("csf", r"UPENNBIOMK"),
    ("mri", r"UCSFFS|^(Ventricles|Hippocampus|WholeBrain|Entorhinal|Fusiform|MidTemp|ICV)(_bl)?$"),
    ("demographic", r"^(AGE|PTGENDER|PTEDUCAT|APOE4)$"),
    ("cognitive", r"^(CDRSB|ADAS|MMSE|RAVLT|FAQ|MOCA|Ecog|LDEL|DIGIT|TRABSCOR|mPACC)"),
)


def raw_files(config: dict[str, Any], root: Path) -> list[Path]:
    """Return the file that is read."""
    return [root / FILE]


def read(where: str, keys: Tadpole, root: Path) -> "RawTable":
    """Read the table.

    Raises:
        InputError: the file or a column is missing, or no subject has a baseline visit with a diagnosis.
    """
    import numpy as np
    import pandas as pd

    from mlmi2023.cohorts.formats import tables as rawtables
    from mlmi2023.cohorts.formats.delimited import need_columns, read_csv
    from mlmi2023.cohorts.forms.table.targets import classes_of

    file = root / FILE
    frame = read_csv(file, where)
    need_columns(file, list(frame.columns), [*NEEDED, *keys.drop])
    frame = frame[(frame["VISCODE"] == "bl") & frame["DX_bl"].isin(STAGES)]
    if frame.empty:
        raise InputError(
            f"{file}: no row with VISCODE bl and DX_bl one of {', '.join(STAGES)}; give the release's file"
        )
    subjects = rawtables.unique_subjects(file, frame["RID"])
    columns, values = [], []
    for name in frame.columns:
        if name in keys.drop or NO_FEATURES.search(name):
            continue
        text = frame[name].replace({"Male": "1", "Female": "0"}).str.replace(r"^[<>]", "", regex=True)
        text = text.where(~text.isin([*rawtables.MISSING, *MISSING]))
        numbers = pd.to_numeric(text, errors="coerce").to_numpy(float)
        words = text.notna().to_numpy() & ~np.isfinite(numbers)
        if words.any():
            if name in NEEDED:
                bad = text[words].iloc[0]
                raise InputError(f"{file}: column {name} holds {bad!r}, which is not a number; correct it")
            continue
        if np.isnan(numbers).mean() > keys.max_missing:
            if name in NEEDED:
                share = f"{np.isnan(numbers).mean():.0%}"
                raise InputError(
                    f"{file}: {share} of column {name} is missing; give the whole file, "
                    "or raise 'read.max_missing'"
                )
            continue
        columns.append(rawtables.Column(name, group_of(name)))
        values.append(rawtables.narrowed(file, name, numbers))
    order = np.argsort([[g for g, _ in GROUPS].index(c.group) if c.group else len(GROUPS) for c in columns])
    stages = [STAGES[label] for label in frame["DX_bl"]]
    classes = classes_of(file, "diagnosis", stages, subjects, ["CN", "MCI", "AD"])
    return rawtables.RawTable(
        subjects,
        [columns[i] for i in order],
        np.stack([values[i] for i in order], axis=1),
        {"diagnosis": stages},
        {"diagnosis": classes},
    )


def group_of(column: str) -> str:
    """Return the modality of a column, or nothing for one of no known modality."""
    return next((group for group, mark in GROUPS if re.search(mark, column)), "")
