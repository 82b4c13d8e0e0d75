"""What a network or a control finds in the tested cases, and how that is kept.

Of each case there is ``<name>.npz`` with at least ``labels``, in the shape in which the case is judged.
``about.json`` holds the number of weights, and what a paper adds.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mlmi2023.core.errors import InputError
from mlmi2023.core.files import atomic, write_json
from mlmi2023.core.json_files import read_object
from mlmi2023.tasks.runs import AGAIN, kind_of, read_arrays, ready
from mlmi2023.tasks.segmentation.cases import Cases, many
from mlmi2023.tasks.segmentation.module import decide
from mlmi2023.tasks.segmentation.planning import Build, build_network

LEARNED, ABOUT = "learned", "about.json"

#: labels of the cases (rows) by a rule that needs no network
Control = Callable[[Cases, Sequence[int]], Iterator[np.ndarray]]
#: turns logits (n, K, *size), on the device, into what the answer consists of
Settle = Callable[[Tensor], Tensor]
#: what is kept of a case (row) and its settled answer (n, ...), on the CPU
Keep = Callable[[Cases, int, Tensor], dict[str, np.ndarray]]
#: a case and what is kept of it
Kept = tuple[int, dict[str, np.ndarray]]


def background(cases: Cases, rows: Sequence[int]) -> Iterator[np.ndarray]:
    """Yield the floor: no structure anywhere."""
    for row in rows:
        yield np.zeros(cases.shape(row), np.uint8)


def truth(cases: Cases, rows: Sequence[int]) -> Iterator[np.ndarray]:
    """Yield the ceiling: the truth as a network could say it, so that the way there and back is seen."""
    for row in rows:
        yield cases.restored(cases.targets(row), row)


def prior(cases: Cases, rows: Sequence[int]) -> Iterator[np.ndarray]:
    """Yield what most training cases have at a place, the same for every case.

    Raises:
        InputError: cases differ in shape.
    """
    train = cases.rows("train")
    if len({cases.shape(row) for row in (*train, *rows)}) > 1:
        raise InputError("control 'prior' needs cases of one shape; leave it out for this cohort")
    labels = range(1 + len(cases.classes))
    counts = [sum((cases.truth(row) == label).astype(np.int64) for row in train) for label in labels]
    # a tie goes to the structure: half of the masks are enough
    common = (len(counts) - 1 - np.argmax(counts[::-1], axis=0)).astype(np.uint8)
    for _ in rows:
        yield common


CONTROLS: Mapping[str, Control] = {"background": background, "truth": truth, "prior": prior}


def keep_labels(cases: Cases, row: int, answer: Tensor) -> dict[str, np.ndarray]:
    """Keep the labels (n, *size) of a case, in the shape in which it is judged."""
    return {"labels": cases.restored(answer, row)}


def answers(
    net: nn.Module, device: torch.device, cases: Cases, rows: Sequence[int], settle: Settle = decide
) -> Iterator[tuple[int, Tensor]]:
    """Yield cases and the network's answers (n, ...), on the CPU.

    Args:
        net: ready to be used.
        device: where it is.
        cases: of the cohort.
        rows: the cases that are wanted.
        settle: turns logits into the answer, on the device; by default into labels.

    Raises:
        InputError: the answer is not a number.
    """
    step = 64 if device.type == "cuda" else 8
    with torch.inference_mode():
        for group in many(rows, cases.together):
            parts = [cases.inputs(row) for row in group]
            whole = np.concatenate(parts)
            found = []
            for start in range(0, len(whole), step):
                images = torch.from_numpy(whole[start : start + step]).to(device).float().movedim(-1, 1)
                logits = cases.answer(net, cases.prepare(images))
                if logits.isnan().any():
                    raise InputError(
                        f"method '{cases.job.method}': its network answers NaN, since training diverged; "
                        "lower the key train.learning_rate"
                    )
                found.append(settle(logits).cpu())
            yield from zip(group, torch.cat(found).split([len(part) for part in parts]))


def trained(
    cases: Cases, weights: Path | None, build: Build = build_network
) -> tuple[nn.Module, torch.device, dict[str, Any]]:
    """Return the job's trained network, ready to be used, its device, and what is kept of the run.

    Raises:
        InputError: weights are missing, broken or of another network.
    """
    options = dict(cases.job.method_options)
    if "net" in options:
        # what training began with is needed no more
        options["net"] = {key: value for key, value in options["net"].items() if key != "pretrained"}
    job = replace(cases.job, method_options=options)
    net, device = ready(job, lambda: build(job, cases), weights)
    return net, device, {"parameters": sum(p.numel() for p in net.parameters())}


def write(out: Path, cases: Cases, kept: Iterable[Kept], about: Mapping[str, Any]) -> None:
    """Write what is kept of each case into the folder ``out``, whole or not at all.

    Args:
        out: of the predictions.
        cases: name the files.
        kept: cases and arrays, used up one by one.
        about: of the run; read after the last case, so that it may still grow until then.
    """
    with atomic(out) as part:
        part.mkdir()
        for row, arrays in kept:
            np.savez_compressed(part / f"{cases.name(row)}.npz", **arrays)  # type: ignore[arg-type]
        write_json(part / ABOUT, dict(about))


def predict(
    cases: Cases,
    weights: Path | None,
    out: Path,
    build: Build = build_network,
    controls: Mapping[str, Control] = CONTROLS,
    settle: Settle = decide,
    keep: Keep = keep_labels,
) -> None:
    """Segment the tested cases by the job's network or control and write the folder ``out``.

    Args:
        cases: of the job.
        weights: what training wrote; None for controls.
        out: the folder.
        build: of the network.
        controls: by kind, those that are no network.
        settle: see :func:`answers`.
        keep: what is kept of an answer.

    Raises:
        InputError: an unknown kind, missing weights, or a cohort that does not serve.
    """
    job, rows = cases.job, cases.rows("test")
    kind = kind_of(job, (LEARNED, *controls))
    if kind != LEARNED:
        found = controls[kind](cases, rows)
        write(out, cases, ((row, {"labels": labels}) for row, labels in zip(rows, found)), {})
        return
    net, device, about = trained(cases, weights, build)
    said = answers(net, device, cases, rows, settle)
    write(out, cases, ((row, keep(cases, row, answer)) for row, answer in said), about)


def read_case(folder: Path, cases: Cases, row: int) -> dict[str, np.ndarray]:
    """Return what is kept of a case.

    Raises:
        InputError: it is missing, broken, or of another shape.
    """
    found = read_arrays(Path(folder) / f"{cases.name(row)}.npz")
    labels = found.get("labels")
    if labels is None or labels.shape != cases.shape(row):
        raise InputError(
            f"{folder}: no labels of {cases.name(row)} in its shape; delete the folder and predict again"
        )
    return found


def read_about(folder: Path) -> dict[str, Any]:
    """Return what is known of the run."""
    return read_object(Path(folder) / ABOUT, {}, AGAIN)
