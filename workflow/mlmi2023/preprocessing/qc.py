"""The quality control of a cohort's preprocessing: scores of all steps, a mosaic per subject, samples."""

import csv
import re
from pathlib import Path

from mlmi2023.cohorts.formats.volumes import read_volume
from mlmi2023.core.files import atomic
from mlmi2023.preprocessing.batch import Record, for_each, main_modality
from mlmi2023.preprocessing.doubts import in_two_places, misregistered, write_doubts
from mlmi2023.preprocessing.mosaic import draw_subject
from mlmi2023.preprocessing.sample_sheet import cohort_samples
from mlmi2023.preprocessing.steps import load_records
from mlmi2023.preprocessing.truth import score_batch
from mlmi2023.preprocessing.twins import Look, near_twins

COLUMNS = ("subject", "step", "metric", "value")
WHITE = re.compile(r"white|\bwm\b", re.IGNORECASE)


def make_qc(
    raw: list[Record],
    steps: dict[str, list[Path]],
    label_names: dict[int, str],
    out: Path,
    threads: int = 1,
) -> None:
    """Write the folder ``out``, whole or not at all.

    It holds ``preprocess.csv`` (subject, step, metric, value), ``sub-<id>.png`` for every subject,
    ``samples.png``, and ``warnings.txt`` with a line for each subject or pair that is in doubt.

    Args:
        raw: records of the raw images.
        steps: batch folders of each step that was run, the step ``grid`` among them.
        label_names: names by label value; those with "white" or the word "WM" count as white matter.
        out: folder to write.
        threads: mosaics drawn at once.
    """
    white = [value for value, name in label_names.items() if WHITE.search(name)]
    rows = score_batch(raw, steps, white)
    done = {
        step: [r for folder in folders for r in load_records(Path(folder))] for step, folders in steps.items()
    }
    after = {
        record["subject"]: {
            step: next(r for r in found if r["subject"] == record["subject"]) for step, found in done.items()
        }
        for record in raw
    }
    with atomic(out) as part:
        part.mkdir()
        with open(part / "preprocess.csv", "w", newline="") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(COLUMNS)
            writer.writerows(
                [row["subject"], row["step"], row["metric"], f"{row['value']:.6g}"] for row in rows
            )
        scores: dict[str, dict[str, float]] = {}
        for row in rows:
            scores.setdefault(row["subject"], {})[row["metric"]] = row["value"]
        for_each(_draw, raw, part, {"after": after, "scores": scores, "names": label_names}, threads)
        cohort_samples(done["grid"], part / "samples.png", label_names)
        files = [file for record in raw for file in record["images"].values()]
        looks = (
            Look(f"sub-{r['subject']}", r["split"], read_volume(r["images"][main_modality(r)])[0])
            for r in done["grid"]
            if r["split"] != "atlas"
        )
        write_doubts(part, [*misregistered(rows), *in_two_places(files), *near_twins(looks)])


def _draw(record: Record, out: Path, options: dict) -> Record:
    subject = record["subject"]
    draw_subject(
        record,
        options["after"][subject],
        out / f"sub-{subject}.png",
        options["names"],
        options["scores"].get(subject),
    )
    return record
