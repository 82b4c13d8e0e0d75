"""Cohorts of the form ``bscans``: a MATLAB file a patient, with a stack of B-scans, some of them annotated.

They are packed, and read, as ``images`` (:mod:`mlmi2023.cohorts.forms.images.reader`), grey and with one
structure; all B-scans of a patient share a part of the split. The key ``read``:

``volumes``  pattern of the files, with ``{subject}``: ``Subject_{subject}.mat``
``images``   variable of the B-scans, (rows, columns, n) of 0 to 255; default ``images``
``masks``    variable of the same shape: what is above 0 is the structure, NaN counts as 0
``drawn``    variable (anything, columns, n) that is NaN throughout where a B-scan was not annotated; without
             it, ``masks`` says so itself
``name``     of the structure
``size``     [rows, columns] that everything is resized to

A public dataset brings these keys (``variant`` chooses one). Splits come from ``split``, counts of patients,
or ``split_file``.
"""

from pathlib import Path
from typing import Any

from mlmi2023.cohorts.find.patterns import find_each
from mlmi2023.cohorts.find.splits import by_counts, by_file, table_place
from mlmi2023.cohorts.forms.bscans.options import Read
from mlmi2023.cohorts.forms.images.form import draw_samples, looks
from mlmi2023.cohorts.seal import seal
from mlmi2023.core.errors import InputError
from mlmi2023.core.files import atomic, file_hash
from mlmi2023.core.merging import merge
from mlmi2023.core.options import options
from mlmi2023.core.schemas import suggest

__all__ = ["draw_samples", "looks", "pack", "raw_files", "read_key"]


def read_key(config: dict[str, Any], where: str = "config of the cohort") -> dict[str, Any]:
    """Return the key ``read`` laid on what the dataset's layout says.

    Raises:
        InputError: a key or variant is unknown, or a value cannot be used.
    """
    below: dict[str, Any] = {}
    if layout := config.get("layout"):
        variants = layout["variants"]
        name = config.get("variant") or next(iter(variants))
        if name not in variants:
            raise InputError(f"{where}: key 'variant' is '{name}'{suggest(str(name), list(variants))}")
        below = variants[name]["read"]
    own = config.get("read")
    read = merge(below, own or {}) if isinstance(own, dict | None) else own
    options(Read, read, where, "read")
    return dict(read)


def raw_files(config: dict[str, Any], root: Path) -> list[Path]:
    """Return the files that :func:`pack` reads; a pattern that fits no file stands for itself.

    Raises:
        InputError: files are there, and do not fit the split.
    """
    where = "config of the cohort"
    read = options(Read, read_key(config, where), where, "read")
    found = find_each(where, root, read.volumes)
    if not found:
        return [Path(root) / read.volumes.replace("{subject}", "01")]
    _splits(where, config, Path(root), found)
    return [Path(file) for file in found.values()]


def _splits(where: str, config: dict[str, Any], root: Path, found: dict[str, str]) -> dict[str, str]:
    if config.get("split_file"):
        return by_file(where, table_place(root, str(config["split_file"])), found)
    if not config.get("split"):
        raise InputError(f"{where}: no splits: set 'split', such as {{train: 8, val: 1, test: 1}}")
    return by_counts(where, found, config["split"], config.get("split_seed"))


def pack(config: dict[str, Any], root: Path, out: Path, name: str) -> None:
    """Write the annotated B-scans as packed images, whole or not at all.

    Args:
        config: the cohort's configuration.
        root: its raw root.
        out: folder to write.
        name: the cohort's name.

    Raises:
        InputError: a file or key cannot be used; the line names it, and the fix.
    """
    import numpy as np

    from mlmi2023.cohorts.find.patterns import natural
    from mlmi2023.cohorts.find.splits import SPLITS
    from mlmi2023.cohorts.forms.bscans.stack import annotated
    from mlmi2023.cohorts.forms.images.facts import facts_of
    from mlmi2023.cohorts.forms.images.sizes import resizing

    where, root = f"config of cohort '{name}'", Path(root)
    read = options(Read, read_key(config, where), where, "read")
    found = find_each(where, root, read.volumes)
    if not found:
        raise InputError(f"{where}: no file fits {root / read.volumes}; check root and pattern")
    splits = _splits(where, config, root, found)
    rows: list[dict[str, str]] = []
    images, masks, shapes = [], [], []
    for subject in sorted(splits, key=lambda own: (SPLITS.index(splits[own]), natural(own))):
        stack = annotated(Path(found[subject]), read)
        for number, image, mask in stack.scans:
            rows.append({"subject": f"{subject}_{number:02d}", "split": splits[subject], "group": subject})
            images.append(image)
            masks.append(mask)
            shapes.append(stack.shape)
        print(f"{name}: {subject}: {len(stack.scans)} of {stack.total} B-scans are annotated", flush=True)
    if not any(mask.any() for mask in masks):
        raise InputError(f"{where}: no B-scan shows {read.name}; name another variable in 'read.masks'")
    said = [("patients", str(len(splits))), ("resized", resizing(shapes, read.size) or "nothing")]
    with atomic(out) as part:
        part.mkdir()
        np.save(part / "images.npy", np.stack(images)[..., None])
        np.save(part / "masks.npy", np.stack(masks))
        facts = facts_of(np.stack(images)[..., None], masks, [row["split"] for row in rows], [read.name])
        about: dict[str, Any] = {
            "name": name,
            "form": "images",
            "subjects": rows,
            "classes": [read.name],
            "facts": [*facts, *said],
        }
        seal(part, about, {file.name: file_hash(file) for file in sorted(part.iterdir())})
