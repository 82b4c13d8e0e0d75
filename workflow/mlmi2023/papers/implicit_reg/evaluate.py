"""Prediction and scores of one method on the test pairs (Sect. 4, Tables 1 and 2).

A method's ``kind`` is ``learned`` (a network and its weights) or one that all papers share: ``syn``,
``identity`` (affine only, the floor) and ``truth`` (the ceiling). The implicit solver has no part here: what
counts is the field that the network predicts.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mlmi2023.cohorts.forms.volumes.reader import Packed, open_packed
from mlmi2023.core.files import read_json
from mlmi2023.core.jobs import Job
from mlmi2023.core.json_files import read_object
from mlmi2023.papers.implicit_reg.candidates import Candidates, build_candidates, choose
from mlmi2023.papers.implicit_reg.losses import WEIGHTS
from mlmi2023.papers.implicit_reg.measures import MEASURES
from mlmi2023.papers.implicit_reg.timing import time_iterations
from mlmi2023.tasks.registration.methods import SHARED, make_method, on_device
from mlmi2023.tasks.registration.pairs import Pair, held_out_pairs
from mlmi2023.tasks.registration.predict import Work, register_pairs
from mlmi2023.tasks.registration.score import check_metrics, score_pairs
from mlmi2023.tasks.registration.volumes import Volumes
from mlmi2023.tasks.runs import AGAIN, Value, kind_of, ready, start

# the setting of a dataset whose weights are given and not searched for
GIVEN: dict[str, dict[str, Any]] = {"": {}}
BESIDE = ("t_iter", "weights")


def predict(job: Job, weights: Path | None, out: Path) -> None:
    """Register every test pair and write ``out``.

    ``chosen.json`` has the regulariser that each setting of ``task.settings`` chose and the number of the
    folder of its fields (:mod:`mlmi2023.tasks.registration.stored`). A setting whose limit no candidate
    keeps is left out. ``iterations.json`` has milliseconds, if ``task.metrics`` asks for t_iter.

    Args:
        job: ``task`` says which pairs and modalities, ``method_options`` which method.
        weights: safetensors file; only for learned methods.
        out: folder to make.

    Raises:
        InputError: no test pairs, an unknown method kind, missing weights or modalities.
    """
    packed = open_packed(job.data)
    found = held_out_pairs(packed, job.task)
    if kind_of(job, ("learned", *SHARED)) == "learned":
        work, notes = _learned(job, weights, packed, found)
    else:
        start(job)
        work = [Work(make_method(job, packed.spacing, {}), found, "0")]
        notes = {"chosen": {"": {"number": 0, "regulariser": {}}}}
    volumes = Volumes(packed, job.task["moving"], job.task["fixed"])
    register_pairs(job, work, volumes, out, notes)


def _learned(
    job: Job, weights: Path | None, packed: Packed, found: list[Pair]
) -> tuple[list[Work], dict[str, Any]]:
    net, device = ready(job, lambda: build_candidates(job.method_options, packed.shape), weights)
    assert isinstance(net, Candidates)
    chosen = {}
    for setting, rule in (job.task.get("settings") or GIVEN).items():
        number = choose(net.validation.cpu().numpy(), (rule or {}).get("max_std_logj"))
        if number is None:
            print(f"setting {setting}: no candidate is that smooth on validation pairs; left out", flush=True)
            continue
        chosen[setting] = {"number": number, "regulariser": job.method_options["regularisers"][number]}
    numbers = sorted({row["number"] for row in chosen.values()})
    work = [Work(on_device(net.nets[n], device, warm=False), found, str(n)) for n in numbers]
    notes: dict[str, Any] = {"chosen": chosen}
    if "t_iter" in job.task["metrics"]:
        notes["iterations"] = time_iterations(job.method_options, job.task, packed, found[0], device)
    return work, notes


def score(job: Job, predictions: Path) -> Iterator[Value]:
    """Yield the metrics of ``task.metrics`` under each setting.

    Besides :data:`~.measures.MEASURES` they are t_iter (ms) and weights (alpha, sigma and gamma of the chosen
    regulariser).

    Raises:
        InputError: an unknown metric or label, or a broken prediction.
    """
    check_metrics(job, (*MEASURES, *BESIDE))
    for setting, row in read_object(predictions / "chosen.json", {}, AGAIN).items():
        for value in score_pairs(job, predictions / str(row["number"]), MEASURES, BESIDE):
            yield value._replace(setting=setting)
        for name in WEIGHTS if "weights" in job.task["metrics"] else ():
            if name in row["regulariser"]:
                yield Value(name, float(row["regulariser"][name]), "chosen", setting=setting)
    if (predictions / "iterations.json").is_file():
        for number, value in enumerate(read_json(predictions / "iterations.json", AGAIN)):
            yield Value("t_iter", float(value), f"iteration-{number}")
