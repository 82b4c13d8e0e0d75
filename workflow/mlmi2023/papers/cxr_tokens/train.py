"""From a method's config to its training (Sects. 3 and 4.2)."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job, Used
from mlmi2023.core.options import Options, options
from mlmi2023.papers.cxr_tokens.detecting import plan_classifier, plan_detector
from mlmi2023.papers.cxr_tokens.labelling import labeller_of
from mlmi2023.papers.cxr_tokens.measures import clinical, positive, triple_overlap
from mlmi2023.papers.cxr_tokens.options import (
    Classifier,
    Detector,
    Extractor,
    MeshedMemory,
    R2Gen,
    R2GenCmn,
    Regional,
    Reporter,
)
from mlmi2023.papers.cxr_tokens.samples import Eye, Readings, RegionReadings, Stacked, stored_answers
from mlmi2023.papers.cxr_tokens.studies import Studies, frequent_triples
from mlmi2023.papers.cxr_tokens.writer import RegionWriter, Sizes, Writer
from mlmi2023.papers.cxr_tokens.writing import RegionWriting, Rewarded, Writing
from mlmi2023.training.loop.plan import Plan
from mlmi2023.training.loop.status import Measure
from mlmi2023.training.loop.weights import read_weights

MODELS: dict[str, type[Options]] = {
    "detector": Detector,
    "classifier": Classifier,
    "triples": Extractor,
    "report": Reporter,
    "r2gen": R2Gen,
    "r2gencmn": R2GenCmn,
    "m2tr": MeshedMemory,
    "regions": Regional,
}
CE, TRIPLES = "val_ce_f1", "val_triple_f1"


def keys_of(job: Job) -> Any:
    """Return the keys of a learned method."""
    own = {key: value for key, value in job.method_options.items() if key != "uses"}
    return options(MODELS[str(own["model"])], own, f"config of paper '{job.paper}'", f"methods.{job.method}")


def used(job: Job, method: str) -> Used:
    """Return what a method has left that another one names.

    Raises:
        InputError: it does not stand under ``uses``.
    """
    if method not in job.used:
        raise InputError(f"config key methods.{job.method}: '{method}' is missing under 'uses'; add it there")
    return job.used[method]


def plan(job: Job) -> Plan:
    """Return module and samples of a learned method.

    Raises:
        InputError: the cohort cannot serve, or what the method builds on is missing.
    """
    studies, own = Studies(job), keys_of(job)
    if isinstance(own, Detector):
        return plan_detector(job, own, studies)
    if isinstance(own, Classifier):
        return plan_classifier(job, own, studies)
    if isinstance(own, Regional):
        return plan_regions(job, own, studies)
    return plan_writer(job, own, studies)


def eye_of(job: Job, own: Any, studies: Studies) -> Eye:
    """Return what gives a method its visual input."""
    tokens = getattr(own, "tokens", None)
    return Eye(studies, used(job, tokens).predictions if tokens else None)


def sizes_of(own: Any, studies: Studies, eye: Eye) -> Sizes:
    """Return the sizes of a method's data."""
    lengths = studies.task.lengths
    reads = isinstance(own, Extractor | Reporter)
    triples = isinstance(own, Reporter) and own.triples is not None
    return Sizes(
        len(studies.vocabulary),
        studies.size,
        eye.shape(),
        studies.longest(triples) if reads else 0,
        lengths.triples if isinstance(own, Extractor) else lengths.report,
    )


def build_writer(own: Any, studies: Studies, eye: Eye) -> Writer:
    """Return an untrained network that writes."""
    return Writer(own.net, sizes_of(own, studies, eye), getattr(own, "cnn", None))


def asked_of(
    job: Job, own: Any, studies: Studies, drawn: bool, true: bool = False
) -> tuple[Callable[[int], Sequence[int]], int] | None:
    """Return what gives the input text of an image, and its longest length; None where there is none.

    RG learns on true triples, a share of which is masked anew at each draw; of other images it reads those
    that TE has extracted.

    Args:
        job: of the method.
        own: its keys.
        studies: of the run.
        drawn: whether the images train.
        true: give all true triples.
    """
    if isinstance(own, Extractor):
        return lambda row: studies.asked(row, None), studies.longest(False)
    if not isinstance(own, Reporter):
        return None
    if own.triples is None:
        return lambda row: studies.asked(row, None), studies.longest(False)
    masked, longest = own.masked, studies.longest(True)
    if drawn:
        return lambda row: studies.asked(row, kept(studies.triples[row], masked)), longest
    if true:
        return lambda row: studies.asked(row, studies.triples[row]), longest
    found = stored_answers(used(job, own.triples).predictions)
    return lambda row: studies.asked(row, found[studies.name(row)]), longest


def kept(triples: Sequence[str], masked: float) -> list[str]:
    """Return triples of which each is left out with the probability ``masked``, in their order."""
    import torch

    draw = torch.rand(len(triples))
    return [triple for triple, own in zip(triples, draw.tolist()) if own >= masked]


def plan_writer(job: Job, own: Any, studies: Studies) -> Plan:
    """Return module and samples of TE, RG or a baseline."""
    eye = eye_of(job, own, studies)
    net = build_writer(own, studies, eye)
    begin(job, own, net)
    lengths, words = studies.task.lengths, studies.vocabulary
    extracts = isinstance(own, Extractor)
    if extracts:
        most = lengths.triples
        wanted = {row: studies.written(studies.triples[row]) for row in studies.rows("train", "val")}
        found = frequent_triples(studies)
        truth = [studies.triples[row] for row in studies.watched()]

        def floor() -> float:
            return float(triple_overlap([found] * len(truth), truth).mean())

        measure = Measure(TRIPLES, floor=floor)
    else:
        most = lengths.report
        wanted = {row: words.encode(studies.reports[row]) for row in studies.rows("train", "val")}
        # the floor control says that nothing is there: no finding is right
        measure = Measure(CE, floor=0.0)
    parts = [
        Readings(studies, rows, eye, drawn, asked_of(job, own, studies, drawn), (wanted.__getitem__, most))
        for rows, drawn in ((studies.rows("train"), True), (studies.watched(), False))
    ]
    rest = (triple_judge(studies) if extracts else report_judge(studies), measure.name, most, job.train)
    if isinstance(own, MeshedMemory) and own.rewarded:
        labels = labeller_of(studies.task, job.device)
        rows = studies.rows("train")
        states = labels.states([studies.cohort.texts[row].report for row in rows])
        module: Writing = Rewarded(net, own, studies, dict(zip(rows, states)), labels.states, *rest)
    else:
        module = Writing(net, *rest)
    return Plan(module, parts[0], Stacked(parts[1], int(job.train.get("val_batch", 32))), measure=measure)


def begin(job: Job, own: Any, net: Writer) -> None:
    """Give a network the CNN that it begins with, where that is another method's."""
    start = getattr(own, "start", None)
    if start is None:
        return
    weights = used(job, start).weights
    if weights is None or net.cnn is None:
        raise InputError(f"config key methods.{job.method}.start: '{start}' has no CNN that could be taken")
    state = read_weights(weights)
    own_state = {n.removeprefix("places."): v for n, v in state.items() if n.startswith("places.")}
    wanted = net.cnn.state_dict()
    if {n: v.shape for n, v in own_state.items()} != {n: v.shape for n, v in wanted.items()}:
        raise InputError(
            f"config key methods.{job.method}.cnn: the CNN of '{start}' has other sizes; give both the same"
        )
    net.cnn.load_state_dict(own_state)


def plan_regions(job: Job, own: Regional, studies: Studies) -> Plan:
    """Return module and samples of reports region by region."""
    eye = eye_of(job, own, studies)
    net = RegionWriter(own.net, sizes_of(own, studies, eye))
    train = RegionReadings(studies, studies.rows("train"), eye, own.drawn)
    if not any(train.said):
        raise InputError(
            f"{studies.where}: no training image has phrases of regions; take '{job.method}' out"
        )
    val = Readings(studies, studies.watched(), eye, False, None, (lambda row: [], 2))
    most = studies.task.lengths.report
    rest = (report_judge(studies), CE, most, job.train)
    module = RegionWriting(net, studies.vocabulary, own.chosen, *rest)
    stacked = Stacked(val, int(job.train.get("val_batch", 32)))
    return Plan(module, train, stacked, measure=Measure(CE, floor=0.0))


def report_judge(studies: Studies) -> Callable[[Sequence[int], Sequence[Sequence[int]]], float]:
    """Return what gives reports their clinical F1 (CE), by which networks are chosen."""
    labels = labeller_of(studies.task, studies.job.device)
    rows = studies.watched()
    truth = positive(labels.states([studies.cohort.texts[row].report for row in rows]))
    places = {row: number for number, row in enumerate(rows)}

    def judge(rows: Sequence[int], texts: Sequence[Sequence[int]]) -> float:
        found = positive(labels.states([studies.vocabulary.report(text) for text in texts]))
        return float(np.mean(clinical(found, truth[[places[row] for row in rows]])["ce_f1"]))

    return judge


def triple_judge(studies: Studies) -> Callable[[Sequence[int], Sequence[Sequence[int]]], float]:
    """Return what gives triples their F1."""

    def judge(rows: Sequence[int], texts: Sequence[Sequence[int]]) -> float:
        found = [studies.vocabulary.triples(text) for text in texts]
        return float(triple_overlap(found, [studies.triples[row] for row in rows]).mean())

    return judge
