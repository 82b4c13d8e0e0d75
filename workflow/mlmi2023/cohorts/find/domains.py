"""Who trains, validates, adapts and tests across domains (centres, cameras): always by patient.

Target domains are tested; sources train, and a share of their patients validates. Nothing of a target has a
part in training or selection but what is asked for: some images with labels (few shots), or images without
(half of the target, or the tested images themselves, which is transductive). Standard library only.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Literal, NamedTuple

from mlmi2023.core.errors import InputError
from mlmi2023.core.schemas import suggest

Rows = tuple[int, ...]


class Sample(NamedTuple):
    """An image of a cohort: its id, whose it is, and its domain."""

    name: str
    patient: str
    domain: str


@dataclass(frozen=True)
class Parts:
    """Rows of a cohort by what a run may do with them, each in the cohort's order.

    Attributes:
        train: of the sources, with labels.
        val: of the sources, with labels: selection alone.
        target_labelled: shots of the targets, with labels.
        target_unlabelled: of the targets, whose labels training never sees.
        test: of the targets.
    """

    train: Rows
    val: Rows
    target_labelled: Rows
    target_unlabelled: Rows
    test: Rows

    @property
    def with_labels(self) -> Rows:
        """Rows whose labels training and selection may read."""
        return tuple(sorted({*self.train, *self.val, *self.target_labelled}))


def domain_parts(
    where: str,
    samples: Sequence[Sample],
    targets: Iterable[str],
    sources: Iterable[str] | None = None,
    *,
    val: float = 0.2,
    shots: float = 0,
    draw: int = 0,
    seed: int = 0,
    unlabelled: float | Literal["test"] = 0,
) -> Parts:
    """Return the parts of a cohort for some target domains.

    Orders are by a hash of seed and patient, so they depend neither on the machine nor on who else is there.
    A patient who was seen in a target as well is in no part of the sources.

    Args:
        where: how messages name the configuration.
        samples: of the cohort.
        targets: domains that are tested.
        sources: domains that train; None: all others (leave one domain out).
        val: share of each source's patients who validate.
        shots: images of each target that are given labels: a number, or below 1 a share of its patients. All
            other images of their patients are in no part.
        draw: number of the draw of shots, and of unlabelled images that are not tested.
        seed: of the validation split.
        unlabelled: share of each target's other patients whose images are there without labels and not
            tested; ``test``: the tested images themselves.

    Raises:
        InputError: a domain is unknown or both source and target, or a part that is asked for is empty.
    """
    known = list(dict.fromkeys(sample.domain for sample in samples))
    wanted = list(targets)
    own = [domain for domain in known if domain not in wanted] if sources is None else list(sources)
    for key, domains in (("targets", wanted), ("sources", own)):
        if not domains:
            raise InputError(f"{where}: key '{key}' names no domain; the cohort has {', '.join(known)}")
        for domain in domains:
            if domain not in known:
                raise InputError(f"{where}: key '{key}' names the domain '{domain}'{suggest(domain, known)}")
    if both := [domain for domain in own if domain in wanted]:
        raise InputError(f"{where}: domain '{both[0]}' is source and target; take it out of one")
    parts: dict[str, list[int]] = {field.name: [] for field in fields(Parts)}
    tested = {sample.patient for sample in samples if sample.domain in wanted}
    for domain in own:
        people = _patients(samples, domain, tested, f"{seed}:val")
        held = max(1, round(val * len(people))) if val else 0
        if len(people) <= held:
            raise InputError(
                f"{where}: source '{domain}' has {len(people)} patients, who cannot both train and validate; "
                "add some or leave it out"
            )
        _fill(parts, people, {"val": held, "train": len(people)})
    for domain in wanted:
        people = _patients(samples, domain, set(), f"{draw}:shots")
        people = people[_shoot(parts["target_labelled"], people, shots) :]
        without = 0 if unlabelled == "test" else round(unlabelled * len(people))
        if len(people) <= without:
            raise InputError(f"{where}: no patient of target '{domain}' is left to test; lower 'shots'")
        _fill(parts, people, {"target_unlabelled": without, "test": len(people)})
    if unlabelled == "test":
        parts["target_unlabelled"] = list(parts["test"])
    return Parts(**{name: tuple(sorted(rows)) for name, rows in parts.items()})


def _patients(samples: Sequence[Sample], domain: str, without: set[str], salt: str) -> list[list[int]]:
    """Return the rows of each patient of a domain, in the order that the salt draws."""
    rows: dict[str, list[int]] = {}
    for row, sample in enumerate(samples):
        if sample.domain == domain and sample.patient not in without:
            rows.setdefault(sample.patient, []).append(row)
    order = sorted(rows, key=lambda who: hashlib.sha256(f"{salt}:{who}".encode()).digest())
    return [rows[who] for who in order]


def _fill(parts: dict[str, list[int]], people: Sequence[list[int]], ends: dict[str, int]) -> None:
    """Give each part the rows of the next patients, up to the one before its end."""
    start = 0
    for part, end in ends.items():
        parts[part] += [row for rows in people[start:end] for row in rows]
        start = end


def _shoot(labelled: list[int], people: Sequence[list[int]], shots: float) -> int:
    """Add shots of one target; return of how many patients they are."""
    if shots < 1:
        count = round(shots * len(people))
        labelled += [row for rows in people[:count] for row in rows]
        return count
    left = int(shots)
    for count, rows in enumerate(people):
        if not left:
            return count
        labelled += rows[:left]
        left -= len(rows[:left])
    return len(people)
