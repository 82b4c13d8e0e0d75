"""What to look at first in a cohort's quality control: a line for each subject or pair that is in doubt."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mlmi2023.cohorts.formats.header_checks import two_places
from mlmi2023.core.config import MADE
from mlmi2023.core.files import atomic
from mlmi2023.preprocessing.twins import near_twins

#: a subject that fits the template less than this share of the cohort's median is in doubt, from FEW on
SHARE, FEW = 0.5, 4
#: of correlations; a trunk is nearly the same from in front and from behind
MARGIN = 0.01


def misregistered(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Return a line for each subject that does not lie as the template does.

    Args:
        rows: scores of :func:`mlmi2023.preprocessing.truth.score_batch`.
    """
    scores: dict[str, dict[str, float]] = {"template_match": {}, "turned_match": {}}
    for row in rows:
        if row["metric"] in scores:
            scores[row["metric"]][row["subject"]] = row["value"]
    match, turned = scores.values()
    usual = float(np.median(list(match.values()))) if match else 0.0
    found = []
    for subject, own in match.items():
        if turned[subject] > own:
            why = (
                f"fits the template better turned by 90 or 180 degrees ({turned[subject]:.3f}, not {own:.3f})"
            )
        elif len(match) >= FEW and own < SHARE * usual:
            why = f"fits the template far less than others do ({own:.3f}, half of them above {usual:.3f})"
        else:
            continue
        found.append(
            f"sub-{subject}: {why}, so its registration is in doubt: look at sub-{subject}.png, repair its "
            "header or leave it out"
        )
    return found


def turned_scans(names: Sequence[str], matches: Sequence[tuple[float, float]]) -> list[str]:
    """Return a line for each aligned scan that fits the others better turned.

    Args:
        names: of the scans.
        matches: of :func:`mlmi2023.preprocessing.match.others_match`; of fewer than three scans it cannot be
            said which one is turned.
    """
    return [
        f"{name}: fits the other scans better turned by 90 or 180 degrees ({turned:.3f}, not {own:.3f}), so "
        "its alignment is in doubt: look at it, repair its header or leave it out"
        for name, (own, turned) in zip(names, matches)
        if turned > own + MARGIN and len(names) > 2
    ]


def in_two_places(files: Iterable[str | Path]) -> list[str]:
    """Return a line for each NIfTI whose sform and qform disagree; other files have none."""
    import nibabel as nib

    found = []
    for file in dict.fromkeys(map(str, files)):
        if file.endswith((".nii", ".nii.gz")) and (apart := two_places(nib.load(file))):
            found.append(f"{file}: {apart}")
    return found


def doubts_of(form: Any, config: Mapping[str, Any], root: Path, packed: Path) -> list[str]:
    """Return the lines of a cohort of another form than volumes.

    Args:
        form: the form's module (:mod:`mlmi2023.cohorts.forms`).
        config: the cohort's configuration.
        root: its raw root; headers of files that the workflow made are not looked at.
        packed: its packed folder.
    """
    own = hasattr(form, "raw_files") and config["kind"] not in MADE
    headers = in_two_places(form.raw_files(dict(config), root)) if own else []
    lies = form.turned(packed) if hasattr(form, "turned") else []
    twins = near_twins(form.looks(packed)) if hasattr(form, "looks") else []
    return [*lies, *headers, *twins]


def write_doubts(folder: Path, lines: Sequence[str]) -> None:
    """Write ``warnings.txt`` and repeat it in the log; an empty file says that there is nothing to say."""
    for line in lines:
        print(f"warning: {line}", flush=True)
    with atomic(folder / "warnings.txt") as part:
        part.write_text("".join(f"{line}\n" for line in lines))
