"""Cohorts of kind ``joined`` and form ``joined_domains``: photographs of other cohorts, each a domain.

The cohort's key ``parts`` names them, by what the domain is called here::

    kind: joined
    form: joined_domains
    parts: {ours: {cohort: mine}, theirs: {cohort: yours}}

Parts are cohorts of the form ``domain_images`` of one size and the same grades; maps that not all have
are left out. Image 12 of the part ``ours`` becomes ``ours-12``, and so do patients. A part of several domains
keeps them apart as ``ours-<domain>``. The result is read like any images of several domains.
"""

from pathlib import Path
from typing import Any

from mlmi2023.cohorts.forms.domain_images.form import draw_samples, unknown_domain
from mlmi2023.cohorts.forms.joined.form import part_cohorts
from mlmi2023.core.errors import InputError
from mlmi2023.core.options import Options, options

__all__ = ["check_task", "draw_samples", "pack", "read_key"]


def read_key(config: dict[str, Any], where: str = "config of the cohort") -> None:
    """Refuse a key ``read``: the parts have theirs.

    Raises:
        InputError: there is one.
    """
    options(Options, config.get("read"), where, "read")


def check_task(config: dict[str, Any], task: dict[str, Any]) -> tuple[str, str] | None:
    """Return a key of a dataset that these parts cannot serve, and what they are called; else None."""
    known = list(config.get("parts") or {})
    named = [name for key in ("targets", "sources") for name in task.get(key) or ()]
    # domains of parts that have several are known once these are packed
    return None if any("-" in name for name in named) else unknown_domain(known, task)


def pack(config: dict[str, Any], root: Path, out: Path, name: str) -> None:
    """Join the parts, whole or not at all.

    Args:
        config: the cohort's configuration.
        root: folder of all cohorts, ``<root>/<cohort>/packed``.
        out: folder to write.
        name: the cohort's name.

    Raises:
        InputError: parts have images of other sizes, other grades, or other classes in a map.
    """

    from mlmi2023.cohorts.forms.domain_images.facts import facts_of
    from mlmi2023.cohorts.forms.domain_images.reader import FORM, open_domain_images
    from mlmi2023.cohorts.seal import seal
    from mlmi2023.core.files import atomic

    parts = {
        part: open_domain_images(Path(root) / own / "packed") for part, own in part_cohorts(config).items()
    }
    first = next(iter(parts.values()))
    for part, packed in parts.items():
        if packed.images.shape[1:] != first.images.shape[1:]:
            sizes = [" x ".join(map(str, p.images.shape[1:3])) for p in (packed, first)]
            raise InputError(
                f"cohort '{name}': images of part '{part}' are {sizes[0]}, others {sizes[1]}; give their "
                "cohorts one 'read.size'"
            )
        if packed.grade_names != first.grade_names:
            raise InputError(
                f"cohort '{name}': part '{part}' has the grades {packed.grade_names}, others "
                f"{first.grade_names}; give their cohorts one 'read.grades'"
            )
    maps = [key for key in first.maps if all(packed.maps.keys() >= {key} for packed in parts.values())]
    for key in maps:
        if any(packed.classes[key] != first.classes[key] for packed in parts.values()):
            raise InputError(f"cohort '{name}': the classes of map '{key}' differ between parts; rename some")
    rows: list[dict[str, Any]] = []
    for part, packed in parts.items():
        several = len({sample.domain for sample in packed.samples}) > 1
        for sample, grade in zip(packed.samples, packed.grades):
            domain = f"{part}-{sample.domain}" if several else part
            row = {"subject": f"{part}-{sample.name}", "split": "all", "group": f"{part}-{sample.patient}"}
            rows.append({**row, "domain": domain, **({"grade": int(grade)} if first.grade_names else {})})
    with atomic(out) as folder:
        folder.mkdir()
        shape = (len(rows), *first.images.shape[1:])
        _write(folder / "images.npy", shape, [packed.images for packed in parts.values()])
        for key in maps:
            _write(folder / f"map_{key}.npy", shape[:3], [packed.maps[key] for packed in parts.values()])
        classes = {key: first.classes[key] for key in maps}
        about: dict[str, Any] = {
            "name": name,
            "form": FORM,
            "subjects": rows,
            "classes": classes,
            "grades": first.grade_names,
            "facts": facts_of(rows, shape, first.grade_names, classes, ""),
        }
        seal(folder, about, [packed.content_hash for packed in parts.values()])


def _write(file: Path, shape: tuple[int, ...], arrays: list[Any]) -> None:
    """Write one image after the other, so that a cohort of any size fits into memory."""
    import numpy as np

    array = np.lib.format.open_memmap(file, "w+", np.uint8, shape)
    row = 0
    for values in arrays:
        for value in values:
            array[row] = value
            row += 1
    array.flush()
