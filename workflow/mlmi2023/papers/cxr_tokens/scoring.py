"""Scores of what methods have left: language and clinical ones of reports, of triples, boxes and tokens."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.metrics.report_language import bleu, meteor
from mlmi2023.metrics.rouge import rouge_l
from mlmi2023.papers.cxr_tokens.boxes import overlap
from mlmi2023.papers.cxr_tokens.frechet import distances
from mlmi2023.papers.cxr_tokens.labelling import labeller_of
from mlmi2023.papers.cxr_tokens.measures import (
    clinical,
    example_based,
    macro,
    mean_auroc,
    positive,
    triple_overlap,
)
from mlmi2023.papers.cxr_tokens.samples import FOUND, stored_answers, stored_tokens
from mlmi2023.papers.cxr_tokens.studies import Studies
from mlmi2023.papers.cxr_tokens.words import plain
from mlmi2023.tasks.runs import AGAIN, Value, read_arrays

#: models whose predictions are no reports
FINDERS = ("detector", "classifier")


def score(job: Job, predictions: Path) -> Iterator[Value]:
    """Yield the values of a method on the test images."""
    studies = Studies(job)
    options = job.method_options
    model = options.get("model")
    if model in FINDERS or options["kind"] == "mean_boxes":
        yield from score_regions(studies, predictions)
    elif model == "triples":
        yield from score_triples(studies, predictions)
    else:
        yield from score_reports(studies, predictions)
    # the rows of which the paper prints it
    if model == "report" and options.get("tokens") and options.get("triples"):
        yield from score_tokens(studies, job.used[options["tokens"]].predictions)


def answers(studies: Studies, predictions: Path) -> dict[int, object]:
    """Return what was said of each tested image.

    Raises:
        InputError: one is missing.
    """
    found = stored_answers(predictions)
    if lost := [studies.name(row) for row in studies.rows("test") if studies.name(row) not in found]:
        raise InputError(f"{predictions}: says nothing of '{lost[0]}'; {AGAIN}")
    return {row: found[studies.name(row)] for row in studies.rows("test")}


def score_reports(studies: Studies, predictions: Path) -> Iterator[Value]:
    """Yield scores of reports: BLEU of the whole set, METEOR, ROUGE-L and CE of each (Sect. 4.1)."""
    found = {row: plain(str(text)) for row, text in answers(studies, predictions).items()}
    rows, texts = list(found), list(found.values())
    truth = [studies.reports[row] for row in rows]
    for order, value in bleu(texts, truth).items():
        yield Value(f"bl{order}", value)
    each = {
        "mtr": meteor(texts, truth, studies.task.wordnet),
        "rgl": np.array([rouge_l(*pair) for pair in zip(truth, texts)]),
    }
    labels = labeller_of(studies.task, studies.job.device)
    said, true = positive(labels.states(texts)), positive(labels.states(truth))
    each |= clinical(said, true)
    each["ce_example"] = example_based(said, true)
    for metric, values in each.items():
        for row, value in zip(rows, values, strict=True):
            yield Value(metric, float(value), studies.name(row))
    yield Value("ce_macro", macro(said, true))
    yield Value("words", float(np.mean([len(text.split()) for text in texts])))


def score_triples(studies: Studies, predictions: Path) -> Iterator[Value]:
    """Yield F1 of triples, by tested image."""
    found = answers(studies, predictions)
    said = [list(text) for text in found.values()]  # type: ignore[call-overload]
    for row, value in zip(found, triple_overlap(said, [studies.triples[row] for row in found]), strict=True):
        yield Value("triple_f1", float(value), studies.name(row))


def score_regions(studies: Studies, predictions: Path) -> Iterator[Value]:
    """Yield the overlap of boxes by image, the share of regions not found, and the AUROC of findings."""
    found = read_arrays(predictions / FOUND)
    rows = [int(row) for row in found["rows"]]
    if rows != studies.rows("test"):
        raise InputError(f"{predictions / FOUND}: is of other images; {AGAIN}")
    if "boxes" in found:
        truth = studies.boxes(rows)
        there = np.isfinite(truth).all(-1)
        own = np.where(found["score"] > 0, np.nan_to_num(overlap(found["boxes"], truth)), 0.0)
        for row, values, seen in zip(rows, own, there):
            yield Value("iou", float(values[seen].mean()) if seen.any() else float("nan"), studies.name(row))
        yield Value("missed", 100 * float((found["score"] == 0)[there].mean()))
    if "findings" in found:
        known = np.asarray(studies.cohort.findings[rows])
        if found["findings"].ndim == 2:
            known = known.max(1)
        yield Value("auroc", mean_auroc(found["findings"], known))


def score_tokens(studies: Studies, folder: Path) -> Iterator[Value]:
    """Yield the Frechet distance between normal and abnormal tokens, a case for each region (Sect. 5).

    ``mfd_scaled`` is the distance in units of the tokens' variance, since naive tokens may be larger as a
    whole, or smaller.
    """
    rows = studies.rows("test")
    tokens = np.asarray(stored_tokens(studies, folder)[rows], np.float64)
    abnormal = np.any(studies.cohort.findings[rows], axis=-1)
    there = np.any(tokens != 0, axis=-1)
    found, spread = distances(tokens, abnormal, there, studies.task.components)
    for region, value in zip(studies.cohort.regions, found):
        if np.isfinite(value):
            yield Value("mfd", float(value), region)
            yield Value("mfd_scaled", float(value) / max(spread, 1e-12), region)
