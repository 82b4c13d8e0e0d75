"""Predictions and scores of every row of Tables 1 and 2, and of what they are built on.

A method's ``kind`` is ``learned`` (``model`` says which network), ``true_triples`` (another method's RG on
true triples), ``mean_boxes``, or a control: ``normal``, the floor, or ``truth``, the ceiling. A detector
leaves the tokens of all images, TE the triples of all that are not trained on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mlmi2023.core.files import atomic, write_json
from mlmi2023.core.jobs import Job
from mlmi2023.papers.cxr_tokens.boxes import mean_boxes
from mlmi2023.papers.cxr_tokens.cnn import FindingClassifier
from mlmi2023.papers.cxr_tokens.decoding import beam_search
from mlmi2023.papers.cxr_tokens.detecting import build_detector
from mlmi2023.papers.cxr_tokens.detector import Tokens
from mlmi2023.papers.cxr_tokens.labelling import labeller_of
from mlmi2023.papers.cxr_tokens.measures import positive
from mlmi2023.papers.cxr_tokens.options import Classifier, Detector, Extractor, Regional
from mlmi2023.papers.cxr_tokens.samples import (
    ANSWERS,
    FOUND,
    TOKENS,
    Films,
    Readings,
    Stacked,
    stored_options,
)
from mlmi2023.papers.cxr_tokens.scoring import score
from mlmi2023.papers.cxr_tokens.studies import Studies, normal_report
from mlmi2023.papers.cxr_tokens.train import asked_of, build_writer, eye_of, keys_of, sizes_of, used
from mlmi2023.papers.cxr_tokens.words import trimmed
from mlmi2023.papers.cxr_tokens.writer import RegionWriter
from mlmi2023.papers.cxr_tokens.writing import region_reports
from mlmi2023.tasks.runs import kind_of, ready

__all__ = ["predict", "score"]

KINDS = ("learned", "true_triples", "mean_boxes", "normal", "truth")


def predict(job: Job, weights: Path | None, out: Path) -> None:
    """Write what a method finds or says into the folder ``out``.

    Raises:
        InputError: an unknown kind, missing weights, or a cohort that does not serve.
    """
    kind, studies = kind_of(job, KINDS), Studies(job)
    tested = studies.rows("test")
    if kind == "true_triples":
        _predict_true(job, studies, out)
    elif kind == "mean_boxes":
        mean = mean_boxes(studies.boxes(studies.rows("train")))
        count = len(tested)
        arrays: dict[str, Any] = {"rows": np.array(tested), "boxes": np.stack([mean] * count)}
        arrays["score"] = np.ones((count, len(mean)), np.float32)
        with atomic(out) as part:
            part.mkdir()
            np.savez_compressed(part / FOUND, **arrays)
    elif kind == "learned":
        own = keys_of(job)
        if isinstance(own, Detector):
            _predict_tokens(job, own, studies, weights, out)
        elif isinstance(own, Classifier):
            _predict_findings(job, own, studies, weights, out)
        else:
            rows = studies.rows("val", "test") if isinstance(own, Extractor) else tested
            _write(out, written_by(job, own, studies, weights, rows))
    else:
        texts = [studies.cohort.texts[row].report for row in tested]
        if kind == "normal":
            labels = labeller_of(studies.task, job.device)
            train = [studies.cohort.texts[row].report for row in studies.rows("train")]
            found = positive(labels.states(train)).sum(1)
            texts = [normal_report(studies, found)] * len(tested)
        _write(out, {"texts": {studies.name(row): text for row, text in zip(tested, texts)}})


def _write(out: Path, content: Mapping[str, Any]) -> None:
    with atomic(out) as part:
        part.mkdir()
        write_json(part / ANSWERS, content)


def _predict_tokens(job: Job, own: Detector, studies: Studies, weights: Path | None, out: Path) -> None:
    """Keep the tokens of all images, and boxes, scores and findings of those that are tested (Sect. 3.1)."""
    net, device = ready(job, build_detector(own, studies), weights)
    rows = list(range(len(studies)))
    tested, kept = set(studies.rows("test")), []
    regions = len(studies.cohort.regions)
    with atomic(out) as part:
        part.mkdir()
        shape = (len(rows), regions, int(net.hidden))  # type: ignore[arg-type]
        tokens = np.lib.format.open_memmap(part / TOKENS, "w+", np.float16, shape)
        chunks = Stacked(Films(studies, rows, True), int(job.train.get("val_batch", 32)))
        with torch.inference_mode():
            for number in range(len(chunks)):
                chunk = chunks[number]
                found: Tokens = net(chunk["image"].to(device))
                own_rows = chunk["row"].numpy()
                tokens[own_rows] = found.vectors.float().cpu().numpy()
                values = [v.float().cpu().numpy() for v in (found.boxes, found.score, found.findings)]
                kept += [(row, *one) for row, *one in zip(own_rows.tolist(), *values) if row in tested]
        tokens.flush()
        names = ("rows", "boxes", "score", "findings")
        arrays: dict[str, Any] = {name: np.stack(own) for name, own in zip(names, zip(*kept))}
        np.savez_compressed(part / FOUND, **arrays)


def _predict_findings(job: Job, own: Classifier, studies: Studies, weights: Path | None, out: Path) -> None:
    """Keep what the CNN says of tested images."""
    net, device = ready(job, FindingClassifier(own.net, len(studies.cohort.finding_names)), weights)
    chunks = Stacked(Films(studies, studies.rows("test"), True), int(job.train.get("val_batch", 32)))
    with torch.inference_mode():
        found = [net(chunks[n]["image"].to(device)).float().cpu().numpy() for n in range(len(chunks))]
    with atomic(out) as part:
        part.mkdir()
        np.savez_compressed(part / FOUND, rows=np.array(studies.rows("test")), findings=np.concatenate(found))


def written_by(
    job: Job, own: Any, studies: Studies, weights: Path | None, rows: Sequence[int], true: bool = False
) -> dict[str, Any]:
    """Return what a trained network writes of some images: reports, or of TE lists of triples.

    Args:
        job: of the network's method.
        own: its keys.
        studies: of the run.
        weights: of the network.
        rows: the images.
        true: RG reads true triples.
    """
    eye, task, words = eye_of(job, own, studies), studies.task, studies.vocabulary
    regional, extracts = isinstance(own, Regional), isinstance(own, Extractor)
    build = (
        RegionWriter(own.net, sizes_of(own, studies, eye)) if regional else build_writer(own, studies, eye)
    )
    net, device = ready(job, build, weights)
    most = task.lengths.triples if extracts else task.lengths.report
    asked = None if regional else asked_of(job, own, studies, False, true)
    samples = Readings(studies, rows, eye, False, asked, (lambda row: [], 2))
    chunks = Stacked(samples, int(job.train.get("val_batch", 32)))
    found: dict[str, Any] = {}
    with torch.inference_mode():
        for number in range(len(chunks)):
            chunk = {key: value.to(device) for key, value in chunks[number].items()}
            names = [studies.name(row) for row in chunk["row"].tolist()]
            if regional:
                texts = region_reports(net, chunk["visual"], most, task.beams, own.chosen, words)  # type: ignore[arg-type]
                found |= dict(zip(names, texts))
                continue
            text = trimmed(chunk["text"]) if "text" in chunk else None
            source = net.encode(chunk["visual"], text)  # type: ignore[operator]
            beams = task.triple_beams if extracts else task.beams
            numbers = beam_search(net.decoder, source, most, beams).tolist()  # type: ignore[arg-type]
            found |= dict(zip(names, map(words.triples if extracts else words.report, numbers)))
    about = {"parameters": sum(p.numel() for p in net.parameters()), "options": job.method_options}
    return {"texts": found, **about}


def _predict_true(job: Job, studies: Studies, out: Path) -> None:
    """Write reports with another method's RG, which reads the true triples."""
    of = str(job.method_options["of"])
    theirs = used(job, of)
    lent = replace(job, method=of, method_options=stored_options(theirs.predictions))
    own = keys_of(lent)
    rows = studies.rows("test")
    _write(out, written_by(lent, own, studies, theirs.weights, rows, true=True))
