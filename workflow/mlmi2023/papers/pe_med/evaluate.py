"""Masks of the tested objects after each click, their Dice, and clicks to reach a Dice (Sect. 3)."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from mlmi2023.core.errors import InputError
from mlmi2023.core.files import atomic
from mlmi2023.core.jobs import Job
from mlmi2023.core.options import keys_of, options
from mlmi2023.papers.pe_med.clicks import NONE, disk_maps, next_click
from mlmi2023.papers.pe_med.grabcut import box_around, grabcut
from mlmi2023.papers.pe_med.interacting import interact
from mlmi2023.papers.pe_med.measures import by_case, clicks_to, dice, over_organs
from mlmi2023.papers.pe_med.networks import build, build_automatic
from mlmi2023.papers.pe_med.objects import Objects
from mlmi2023.papers.pe_med.options import GrabCut
from mlmi2023.papers.pe_med.source import click_draws
from mlmi2023.papers.pe_med.train import interactive
from mlmi2023.tasks.runs import Value, kind_of, read_arrays, ready, start

CONTROLS = ("background", "truth")
KINDS = ("learned", "published", "grabcut", *CONTROLS)
#: first word of the random states of tested clicks
TESTED = 202
#: organs with a column of their own in Tables 1 and 3
SYNAPSE = ("aorta", "gallbladder", "kidney_l", "kidney_r", "liver", "pancreas", "spleen", "stomach")
#: Dice in percent whose clicks are counted
GOALS = (85, 90)


class Answers(NamedTuple):
    """What a method says to n objects of a case after each of T steps.

    Attributes:
        masks: (n, T, S, S) bool.
        places: (n, T, 2) row and column of the click before each answer.
        signs: (n, T); -1 where nothing was clicked at.
    """

    masks: np.ndarray
    places: np.ndarray
    signs: np.ndarray


#: answers to the objects (n, 2) of a case
Answering = Callable[[np.ndarray], Answers]


def predict(job: Job, weights: Path | None, out: Path) -> None:
    """Write into ``out``, for each tested case, the masks of its objects after each click, and the clicks.

    Raises:
        InputError: an unknown kind, missing weights, or a cohort that does not serve.
    """
    kind, objects = kind_of(job, KINDS), Objects(job, ("test",))
    if kind in ("learned", "published"):
        answer = _network(job, objects, weights)
    else:
        answer = _rule(job, objects, kind)
    with atomic(out) as part:
        part.mkdir()
        for case, pairs in objects.tested():
            found = answer(pairs)
            packed = np.packbits(found.masks.reshape(*found.masks.shape[:2], -1), axis=-1)
            np.savez_compressed(
                part / f"{case}.npz", pairs=pairs, masks=packed, places=found.places, signs=found.signs
            )


def read(objects: Objects, predictions: Path, case: str, pairs: np.ndarray) -> Answers:
    """Return what was said to the objects of a case.

    Raises:
        InputError: it is missing, broken or of other objects.
    """
    found = read_arrays(Path(predictions) / f"{case}.npz")
    if not np.array_equal(found.get("pairs", ()), pairs):
        raise InputError(f"{predictions}: has other objects of {case}; delete the folder and predict again")
    rows, columns = objects.size
    masks = np.unpackbits(found["masks"], axis=-1, count=rows * columns).astype(bool)
    return Answers(masks.reshape(*masks.shape[:2], rows, columns), found["places"], found["signs"])


def _network(job: Job, objects: Objects, weights: Path | None) -> Answering:
    radius, sizes = objects.task.clicks.radius, dict(job.method_options["net"])
    at_once = int(job.train.get("val_batch", 32))
    if job.method_options.get("model") == "automatic":
        # what training began with is needed no more
        own = {key: value for key, value in sizes.items() if key != "pretrained"}
        net, device = ready(job, lambda: build_automatic(own, objects.size, len(objects.organs)), weights)
        return lambda pairs: _automatic(objects, net, device, pairs)
    if job.method_options["kind"] == "published":
        device = start(job)
        net = build(sizes, objects.size, radius).to(device).eval()
        self_loop = False
    else:
        net, device = ready(job, lambda: build(sizes, objects.size, radius), weights)
        self_loop = interactive(job).self_loop

    def answer(pairs: np.ndarray) -> Answers:
        parts = [
            _clicked(objects, net, device, pairs[at : at + at_once], self_loop)
            for at in range(0, len(pairs), at_once)
        ]
        return Answers(*(np.concatenate(own) for own in zip(*parts)))

    return answer


def _clicked(
    objects: Objects, net: torch.nn.Module, device: torch.device, pairs: np.ndarray, self_loop: bool
) -> Answers:
    image = 2 * torch.from_numpy(objects.images[pairs[:, 0]]).to(device)[:, None].float() - 1
    truth = torch.from_numpy(objects.truth(pairs)).to(device)
    draws = click_draws(TESTED, objects.job.seed, pairs, objects.task.clicks.most)
    masks, places, signs = [], [], []
    for click, logits in interact(net, image, truth, torch.from_numpy(draws).to(device), self_loop):
        _finite(objects.job, logits)
        masks.append((logits[:, 0] > 0).cpu().numpy())
        places.append(click.place.cpu().numpy())
        signs.append(click.sign.cpu().numpy())
    return Answers(np.stack(masks, 1), np.stack(places, 1), np.stack(signs, 1))


def _automatic(objects: Objects, net: torch.nn.Module, device: torch.device, pairs: np.ndarray) -> Answers:
    numbers, place = np.unique(pairs[:, 0], return_inverse=True)
    labels = np.zeros((len(numbers), *objects.size), np.uint8)
    with torch.inference_mode():
        for at in range(0, len(numbers), 32):
            own = torch.from_numpy(objects.images[numbers[at : at + 32]]).to(device)[:, None].float()
            logits = net(2 * own - 1)
            _finite(objects.job, logits)
            labels[at : at + 32] = logits.argmax(1).cpu().numpy()
    return _without_clicks(labels[place] == pairs[:, 1, None, None] + 1)


def _finite(job: Job, logits: torch.Tensor) -> None:
    if logits.isnan().any():
        raise InputError(
            f"method '{job.method}': its network answers NaN, since training diverged; lower the key "
            "train.learning_rate"
        )


def _without_clicks(masks: np.ndarray) -> Answers:
    """Return masks (n, S, S) that took no click."""
    return Answers(masks[:, None], np.zeros((len(masks), 1, 2), np.int64), np.full((len(masks), 1), NONE))


def _rule(job: Job, objects: Objects, kind: str) -> Answering:
    if kind == "truth":
        return lambda pairs: _without_clicks(objects.truth(pairs))
    if kind == "background":
        return lambda pairs: _without_clicks(np.zeros((len(pairs), *objects.size), bool))
    own = {key: value for key, value in job.method_options.items() if key in keys_of(GrabCut)}
    keys = options(GrabCut, own, "config", f"methods.{job.method}")
    return lambda pairs: _grabcut(objects, keys, pairs)


def _grabcut(objects: Objects, keys: GrabCut, pairs: np.ndarray) -> Answers:
    """Cut each object out of its box, then correct after clicks into the deepest errors."""
    truth, radius = objects.truth(pairs), objects.task.clicks.radius
    images = 255 * objects.images[pairs[:, 0]].astype(np.float64)
    boxes = [box_around(own, keys.margin) for own in truth]
    masks = [np.stack([grabcut(image, box, keys) for image, box in zip(images, boxes)])]
    draws = torch.from_numpy(click_draws(TESTED, objects.job.seed, pairs, max(keys.clicks, 1)))
    places = np.zeros((len(pairs), 1 + keys.clicks, 2), np.int64)
    signs = np.full((len(pairs), 1 + keys.clicks), NONE)
    taken = torch.zeros(truth.shape, dtype=torch.bool)
    lines = torch.arange(len(pairs))
    for number in range(1, keys.clicks + 1):
        click = next_click(torch.from_numpy(masks[-1]), torch.from_numpy(truth), draws[:, number - 1], taken)
        places[:, number], signs[:, number] = click.place.numpy(), click.sign.numpy()
        taken[lines, click.place[:, 0], click.place[:, 1]] |= click.sign != NONE
        made = torch.from_numpy(places[:, 1 : number + 1]), torch.from_numpy(signs[:, 1 : number + 1])
        disks = disk_maps(*made, objects.size, radius).numpy()
        sure = np.where(disks[:, 0] > 0, 1, np.where(disks[:, 1] > 0, -1, 0)).astype(np.int8)
        masks.append(
            np.stack([grabcut(*own) for own in zip(images, boxes, [keys] * len(pairs), masks[-1], sure)])
        )
    return Answers(np.stack(masks, 1), places, signs)


class Scored(NamedTuple):
    """Dice of all tested objects.

    Attributes:
        cases: of each object.
        organs: of each object, (n,) numbers.
        values: (n, T) percent.
        first: clicks before the first of the T answers: 1 for networks that answer to clicks, else 0.
    """

    cases: list[str]
    organs: np.ndarray
    values: np.ndarray
    first: int


def scored(objects: Objects, predictions: Path) -> Scored:
    """Return the Dice of what was said to all tested objects.

    Raises:
        InputError: a prediction is missing, broken or of other objects.
    """
    cases: list[str] = []
    organs, values = [], []
    first = 0
    for case, pairs in objects.tested():
        found = read(objects, predictions, case, pairs)
        first = 0 if (found.signs[:, 0] == NONE).all() else 1
        truth = objects.truth(pairs).reshape(len(pairs), 1, -1)
        values.append(dice(found.masks.reshape(*found.masks.shape[:2], -1), truth))
        cases += [case] * len(pairs)
        organs.append(pairs[:, 1])
    return Scored(cases, np.concatenate(organs), np.concatenate(values), first)


def score(job: Job, predictions: Path) -> Iterator[Value]:
    """Yield Dice after each click, and clicks to reach a Dice.

    ``dsc_avg`` is the mean over objects, ``dsc_organs`` the mean over organs of their means, ``dsc_<organ>``
    that of an organ of Synapse; other structures are labels of ``dsc``. A method that answers to clicks has
    the settings ``p1``, ``p2``, ...; what it says without one has none. ``noc85`` and ``noc90`` stand under
    the last of these; of controls, which are asked once, that is the first click.
    """
    objects = Objects(job, ("test",))
    found = scored(objects, predictions)
    for step, values in enumerate(found.values.T):
        number = step + found.first
        for value in _dice(objects, found, values):
            yield value._replace(setting=f"p{number}" if number else "")
    most = objects.task.clicks.most
    if found.first or job.method_options["kind"] in CONTROLS:
        for goal in GOALS:
            for case, clicks in by_case(found.cases, clicks_to(found.values, goal, most)).items():
                yield Value(f"noc{goal}", clicks, case, setting=f"p{most}" if found.first else "")


def _dice(objects: Objects, found: Scored, values: np.ndarray) -> Iterator[Value]:
    parts = {}
    for number, organ in enumerate(objects.organs):
        own = found.organs == number
        if not own.any():
            continue
        parts[organ] = by_case([case for case, there in zip(found.cases, own) if there], values[own])
        known = organ in SYNAPSE
        for case, value in parts[organ].items():
            yield Value(f"dsc_{organ}" if known else "dsc", value, case, "" if known else organ)
    for case, value in over_organs(parts, found.cases).items():
        yield Value("dsc_organs", value, case)
    for case, value in by_case(found.cases, values).items():
        yield Value("dsc_avg", value, case)
