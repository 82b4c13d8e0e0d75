"""Cohorts of kind and form ``joined``: others on one grid, to learn on one and test on another.

The cohort's key ``parts`` names them, by what they are called here::

    kind: joined
    form: joined
    parts:
      oasis: {cohort: brains_a}
      lpba: {cohort: brains_b, labels: [1, 2, 3]}    # optional: all other structures become background

Parts are cohorts of volumes that the workflow packs by themselves. Rows keep their order; subject 001 of
the part ``oasis`` becomes ``oasis-001``, its split ``train`` ``oasis-train``. Label sets differ, so label v
of part number p (from 0) becomes ``APART`` * p + v (:mod:`mlmi2023.cohorts.forms.joined.parts`). The result
is read like any packed volumes (:mod:`mlmi2023.cohorts.forms.volumes.reader`). Images that not all parts
have, and landmarks unless all have the same, are left out.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mlmi2023.cohorts.forms.aligned_scans.form import draw_samples, looks
from mlmi2023.cohorts.forms.joined.parts import APART
from mlmi2023.core.errors import InputError

__all__ = ["draw_samples", "looks", "pack", "part_cohorts"]


def part_cohorts(config: dict[str, Any]) -> dict[str, str]:
    """Return the cohort of each part.

    Raises:
        InputError: there are none, or one does not name its cohort.
    """
    parts = config.get("parts") or {}
    if not parts:
        raise InputError(
            "config of the cohort: kind joined needs the key 'parts', such as {a: {cohort: ...}}"
        )
    for name, part in parts.items():
        if not isinstance(part, dict) or not part.get("cohort") or set(part) - {"cohort", "labels"}:
            raise InputError(f"config of the cohort: key 'parts.{name}' needs cohort, and may have labels")
    return {name: str(part["cohort"]) for name, part in parts.items()}


def pack(config: dict[str, Any], root: Path, out: Path, name: str) -> None:
    """Join the parts, whole or not at all.

    Args:
        config: the cohort's configuration.
        root: folder of all cohorts, ``<root>/<cohort>/packed``.
        out: folder to write.
        name: the cohort's name.

    Raises:
        InputError: parts lie on different grids, have no image in common, or lack labels that others have or
            that are to be kept.
    """
    import numpy as np

    from mlmi2023.cohorts.forms.volumes.reader import open_packed
    from mlmi2023.cohorts.seal import seal
    from mlmi2023.core.files import atomic

    parts = {part: open_packed(Path(root) / own / "packed") for part, own in part_cohorts(config).items()}
    first = next(iter(parts.values()))
    for part, packed in parts.items():
        if packed.shape != first.shape or not np.allclose(packed.spacing, first.spacing, atol=1e-4):
            raise InputError(
                f"cohort '{name}': part '{part}' has {packed.shape} voxels of {packed.spacing} mm, others "
                f"{first.shape} of {first.spacing}; give their cohorts one grid"
            )
    images = [m for m in first.modalities if all(m in packed.modalities for packed in parts.values())]
    if not images:
        raise InputError(f"cohort '{name}': its parts have no image in common; set their 'modalities'")
    labelled = first.labels is not None
    for part, packed in parts.items():
        if (packed.labels is not None) != labelled:
            lacks, has = (part, next(iter(parts))) if labelled else (next(iter(parts)), part)
            raise InputError(
                f"cohort '{name}': part '{lacks}' has no labels and part '{has}' has; give both labels, or "
                f"take the key 'labels' from cohort '{parts[has].name}'"
            )
    marked = len({tuple(packed.landmark_names) for packed in parts.values()}) == 1
    names: dict[str, str] = {}
    with atomic(out) as folder:
        folder.mkdir()
        shape = (sum(map(len, parts.values())), *first.shape)
        for image in images:
            volumes = (volume for own in parts.values() for volume in own.images(image))
            _write(folder / f"{image}.npy", np.float16, shape, volumes)
        if labelled:
            kept = [_kept(name, part, own, config["parts"][part]) for part, own in parts.items()]
            for number, texts in enumerate(kept):
                names |= {str(APART * number + value): text for value, text in texts.items()}
            _write(folder / "labels.npy", np.int16, shape, _apart(list(parts.values()), kept))
        if marked and first.landmarks is not None:
            marks = [packed.landmarks for packed in parts.values()]
            np.save(folder / "landmarks.npy", np.concatenate([m for m in marks if m is not None]))
        about: dict[str, Any] = {
            "name": name,
            "form": "joined",
            "subjects": [
                {"subject": f"{part}-{subject}", "split": f"{part}-{split}"}
                for part, packed in parts.items()
                for subject, split in zip(packed.subjects, packed.splits)
            ],
            "modalities": images,
            "shape": list(first.shape),
            "spacing": list(first.spacing),
            "affine": first.affine.tolist(),
            "labels": names,
            "landmarks": first.landmark_names if marked else [],
            "facts": [
                (f"part {part}", f"cohort {own.name}, {len(own)} scans, {_structures(own, config, part)}")
                for part, own in parts.items()
            ],
        }
        seal(folder, about, [packed.content_hash for packed in parts.values()])


def _write(file: Path, kind: Any, shape: tuple[int, ...], volumes: Iterator[Any]) -> None:
    """Write one volume after the other, so that a cohort of any size fits into memory."""
    import numpy as np

    array = np.lib.format.open_memmap(file, "w+", kind, shape)
    for row, volume in enumerate(volumes):
        array[row] = volume
    array.flush()


def _apart(parts: list[Any], kept: list[dict[int, str]]) -> Iterator[Any]:
    """Yield the labels of each scan, part by part, with others than the kept ones as background."""
    import numpy as np

    for number, (own, texts) in enumerate(zip(parts, kept)):
        for labels in own.labels:
            there = np.isin(labels, list(texts))
            yield np.where(there, labels.astype(np.int16) + np.int16(APART * number), 0)


def _kept(name: str, part: str, packed: Any, options: dict[str, Any]) -> dict[int, str]:
    """Return the labels of a part that are kept, by their own values."""
    wanted = options.get("labels")
    if max(packed.label_names) >= APART:
        raise InputError(f"cohort '{name}': part '{part}' has labels of {APART} and more; renumber them")
    if lost := [value for value in wanted or () if value not in packed.label_names]:
        raise InputError(
            f"cohort '{name}': key 'parts.{part}.labels' names {lost[0]}, which cohort '{packed.name}' lacks"
        )
    return {v: text for v, text in packed.label_names.items() if wanted is None or v in wanted}


def _structures(packed: Any, config: dict[str, Any], part: str) -> str:
    count = len(config["parts"][part].get("labels") or packed.label_names)
    return f"{count} structures" if packed.label_names else "no labels"
