"""Cohorts of kind and form ``joined``: others on one grid, to learn on one and test on another.

The cohort's key ``parts`` names them, by what they are called here::

    kind: joined
    form: joined
    parts:
      oasis: {cohort: brains_a}
      lpba: {cohort: brains_b, labels: [1, 2, 3]}    # optional: only these structures; others become background

Parts are cohorts of volumes that the workflow packs by themselves. Rows keep their order; subject 001 of
the part ``oasis`` becomes ``oasis-001``, its split ``train`` ``oasis-train``. Label sets differ, so label v
of part number p (from 0) becomes :data:`APART` * p + v. The result is read like any packed volumes
(:mod:`mlmi2023.cohorts.packed`). Images that not all parts have, and landmarks unless all have the same,
are left out.
"""

from pathlib import Path
from typing import Any

from mlmi2023.cohorts.forms.aligned_scans import draw_samples
from mlmi2023.errors import InputError

__all__ = ["draw_samples", "pack", "part_cohorts"]

APART = 1000


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
        InputError: parts lie on different grids, have no image in common, or lack a label that is to be kept.
    """
    import numpy as np

    from mlmi2023.cohorts.packed import open_packed
    from mlmi2023.files import atomic, content_hash, write_json

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
    labelled = all(packed.labels is not None for packed in parts.values())
    marked = len({tuple(packed.landmark_names) for packed in parts.values()}) == 1
    names: dict[str, str] = {}
    with atomic(out) as folder:
        folder.mkdir()
        for image in images:
            np.save(folder / f"{image}.npy", np.concatenate([p.images(image) for p in parts.values()]))
        if labelled:
            maps = []
            for number, (part, packed) in enumerate(parts.items()):
                kept, array = _labels(name, part, packed, config["parts"][part].get("labels"))
                maps.append(np.where(array > 0, array.astype(np.int16) + np.int16(APART * number), 0))
                names |= {str(APART * number + value): text for value, text in kept.items()}
            np.save(folder / "labels.npy", np.concatenate(maps).astype(np.int16))
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
        about["content_hash"] = content_hash([about, [packed.content_hash for packed in parts.values()]])
        write_json(folder / "cohort.json", about)


def _labels(name: str, part: str, packed: Any, wanted: list[int] | None) -> tuple[dict[int, str], Any]:
    """Return the names and the map of the labels that are kept."""
    import numpy as np

    array = np.asarray(packed.labels)
    if max(packed.label_names) >= APART:
        raise InputError(f"cohort '{name}': part '{part}' has labels of {APART} and more; renumber them")
    if wanted is None:
        return packed.label_names, array
    if lost := [value for value in wanted if value not in packed.label_names]:
        raise InputError(
            f"cohort '{name}': key 'parts.{part}.labels' names {lost[0]}, which cohort '{packed.name}' lacks"
        )
    return {v: packed.label_names[v] for v in sorted(wanted)}, np.where(np.isin(array, wanted), array, 0)


def _structures(packed: Any, config: dict[str, Any], part: str) -> str:
    count = len(config["parts"][part].get("labels") or packed.label_names)
    return f"{count} structures" if packed.label_names else "no labels"
