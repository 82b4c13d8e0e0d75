"""Cohorts of the form ``ct_stacks``: CT volumes with thick slices (see :mod:`.reader`).

A made cohort brings scans and references. Of any other, the key ``read`` says:

``volumes``       id -> NIfTI file or folder of DICOM slices, below the root
``splits``        id -> train, all or test; without it all are ``all``: tested by what has learned on others,
                  which are never of the same ``group`` (a key of the cohort)
``thickness``     of a slice in mm; without it the DICOM header's, or the distance of slices in NIfTI
``pixel``         mm; slices are brought to such pixels by averaging; without it they stay as they are
``acquisitions``  [thickness, overlap] of scans to be formed from each volume along its own slice axis, the
                  volume itself being the reference (or such lists by id); without it each volume is
                  itself the scan, without reference

Scans are formed by exact integration over each slice of the volume's own thin slices.
"""

from collections import Counter
from pathlib import Path
from typing import Any

from mlmi2023.cohorts.forms.ct_stacks.options import Read
from mlmi2023.cohorts.seal import seal
from mlmi2023.core.errors import InputError
from mlmi2023.core.files import atomic, file_hash
from mlmi2023.core.json_files import read_rows
from mlmi2023.core.options import options

#: how much finer than the file's own pixels may be
FINER = 4


def raw_files(config: dict[str, Any], root: Path) -> list[Path]:
    """Return the files that :func:`pack` reads; a folder that does not exist stands for its slices."""
    files: list[Path] = []
    volumes = _read_key(config)
    _groups("config of the cohort", config, root)  # one that is torn apart is said before anything runs
    for place in volumes.values():
        path = root / str(place)
        files += sorted(p for p in path.iterdir() if not p.is_dir()) if path.is_dir() else [path]
    return files


def _read_key(config: dict[str, Any]) -> dict[str, str]:
    options(Read, config.get("read"), "config of the cohort", "read")
    return config["read"]["volumes"]


def pack(config: dict[str, Any], root: Path, out: Path, name: str) -> None:
    """Write the packed stacks, whole or not at all.

    Args:
        config: the cohort's configuration.
        root: its raw root.
        out: folder to write.
        name: the cohort's name.

    Raises:
        InputError: a volume cannot be used; the line names file or key, and the fix.
    """
    root = Path(root)
    with atomic(out) as part:
        part.mkdir()
        if (root / "volumes.json").is_file():
            rows = [
                _made(row, root, part)
                for row in read_rows(root / "volumes.json", {}, "make the raw data again")
            ]
        else:
            read = config.get("read") or {}
            groups = _groups(f"config of cohort '{name}'", config, root)
            rows = [
                {**_real(subject, root / str(place), read, part), **groups.get(str(subject), {})}
                for subject, place in _read_key(config).items()
            ]
        about: dict[str, Any] = {"name": name, "form": "ct_stacks", "subjects": rows, "facts": _facts(rows)}
        hashes = {file.name: file_hash(file) for file in sorted(part.iterdir())}
        seal(part, about, hashes)


def _groups(where: str, config: dict[str, Any], root: Path) -> dict[str, dict[str, str]]:
    """Return by volume the entry ``group``; empty if the cohort has no groups."""
    from mlmi2023.cohorts.find.groups import groups_of, keep_together

    read = config.get("read") or {}
    found = groups_of(where, config, root, map(str, read.get("volumes") or ()))
    apart = {str(name): split for name, split in (read.get("splits") or {}).items() if split != "all"}
    keep_together(where, apart, found)
    return {name: {"group": group} for name, group in found.items()}


def _made(row: dict[str, Any], root: Path, part: Path) -> dict[str, Any]:
    """Pack a simulated volume: its scans lie on the reference's z axis by their affines."""
    import numpy as np

    from mlmi2023.cohorts.formats.volumes import read_volume

    reference, affine = read_volume(root / row["reference"])
    pixel, lower = float(affine[2, 2]), float(affine[2, 3] - affine[2, 2] / 2)
    length = reference.shape[2] * pixel
    name = row["subject"]
    np.save(part / f"{name}_reference.npy", _turned(reference))
    stacks = []
    for number, own in enumerate(row["stacks"]):
        slices, place = read_volume(root / own["file"])
        first = float(place[2, 3]) - lower
        stacks.append(_save(part, f"{name}_{number}.npy", _turned(slices), pixel, own["thickness"],
                            float(place[2, 2]), first, length))  # fmt: skip
    kept = {key: row[key] for key in ("subject", "split", "label")}
    return {**kept, "stacks": stacks, "reference": f"{name}_reference.npy"}


def _real(subject: str, place: Path, read: dict[str, Any], part: Path) -> dict[str, Any]:
    """Pack a volume from a file or a folder of DICOM slices."""
    import numpy as np

    from mlmi2023.cohorts.formats.dicom import read_series
    from mlmi2023.cohorts.formats.hounsfield import check_hounsfield
    from mlmi2023.cohorts.formats.volumes import read_volume

    if place.is_dir():
        volume, affine, thickness = read_series(place, read.get("thickness"))
    else:
        volume, affine = read_volume(place)
        thickness = float(read.get("thickness") or np.linalg.norm(affine[:3, 2]))
    check_hounsfield(volume, place, "convert the scan to Hounsfield units")
    across, up = np.linalg.norm(affine[:3, :2], axis=0), float(np.linalg.norm(affine[:3, 2]))
    if abs(across[0] - across[1]) > 1e-3 * across[0]:
        raise InputError(
            f"{place}: pixels of {across[0]:g} x {across[1]:g} mm are no squares; resample it first"
        )
    slices, pixel = _in_plane(_turned(volume), float(across[0]), read.get("pixel"), place)
    row: dict[str, Any] = {"subject": subject, "label": "", "stacks": [], "reference": None}
    row["split"] = (read.get("splits") or {}).get(subject, "all")
    length = float(round(len(slices) * up / pixel) * pixel)
    wanted = read.get("acquisitions") or []
    if isinstance(wanted, dict):
        wanted = wanted.get(subject) or []
    if not wanted:
        row["stacks"] = [_save(part, f"{subject}_0.npy", slices, pixel, thickness, up, up / 2, length)]
        return row
    if up > 1.5 * pixel:
        raise InputError(
            f"{place}: slices lie {up:g} mm apart, pixels are {pixel:g} mm: they serve no reference; "
            "remove read.acquisitions, or set read.pixel to the distance of slices"
        )
    _form(slices, up, pixel, wanted, length, row, part, place)
    return row


def _in_plane(slices: Any, pixel: float, wanted: float | None, place: Path) -> tuple[Any, float]:
    """Bring slices to pixels of another size: each is the exact mean over its square."""
    import torch

    from mlmi2023.physics.slice_profile import integrate

    if not wanted or abs(wanted - pixel) < 1e-6:
        return slices, pixel
    if wanted < pixel / FINER:
        raise InputError(
            f"{place}: pixels are {pixel:g} mm; a read.pixel of {wanted:g} mm shows no more: raise it to "
            f"{pixel / FINER:g} or above, or leave it out"
        )
    found = torch.from_numpy(slices).float()
    for axis in (1, 2):
        count = slices.shape[axis]
        rows = int(count * pixel / wanted + 1e-6)
        if rows < 2:
            raise InputError(f"{place}: pixels of {wanted:g} mm are too large; lower read.pixel")
        edge = (count * pixel - rows * wanted) / 2
        centres = edge + wanted * (torch.arange(rows).double().numpy() + 0.5)
        found = integrate(count, pixel, centres, wanted)(found, axis)
    return _whole(found.numpy()), float(wanted)


def _form(
    slices: Any,
    up: float,
    pixel: float,
    wanted: list[Any],
    length: float,
    row: dict[str, Any],
    part: Path,
    place: Path,
) -> None:
    """Form thick slices and the cubic reference from thin slices, along their own axis."""
    import numpy as np
    import torch

    from mlmi2023.physics.slice_profile import integrate, slice_centres

    name, thin = row["subject"], torch.from_numpy(slices).float()
    cubic = (np.arange(round(length / pixel)) + 0.5) * pixel
    reference = integrate(len(slices), up, cubic, pixel if pixel > up * (1 + 1e-3) else 0.0)(thin, 0)
    row["reference"] = f"{name}_reference.npy"
    np.save(part / row["reference"], _whole(reference.numpy()))
    for number, (thickness, overlap) in enumerate(wanted):
        spacing = thickness - overlap
        try:
            centres = slice_centres(length, thickness, spacing)
        except InputError as error:
            raise InputError(
                f"{place}: read.acquisitions has [{thickness:g}, {overlap:g}]: {error}"
            ) from error
        thick = integrate(len(slices), up, centres, thickness)(thin, 0)
        row["stacks"].append(_save(part, f"{name}_{number}.npy", _whole(thick.numpy()), pixel, thickness,
                                   spacing, float(centres[0]), length))  # fmt: skip


def _save(
    part: Path,
    file: str,
    slices: Any,
    pixel: float,
    thickness: float,
    spacing: float,
    first: float,
    length: float,
) -> dict[str, Any]:
    import numpy as np

    np.save(part / file, slices)
    sizes = {"pixel": pixel, "thickness": thickness, "spacing": spacing, "first": first, "length": length}
    return {"file": file, **{key: round(float(value), 6) for key, value in sizes.items()}}


def _turned(volume: Any) -> Any:
    """Turn (X, Y, Z) intensities into (Z, Y, X) int16."""
    return _whole(volume.transpose(2, 1, 0))


def _whole(values: Any) -> Any:
    import numpy as np

    return np.ascontiguousarray(np.clip(np.rint(values), -32768, 32767).astype(np.int16))


def _facts(rows: list[dict[str, Any]]) -> list[tuple[str, str]]:
    stacks = Counter(
        f"{s['thickness']:g} mm every {s['spacing']:g} mm" for row in rows for s in row["stacks"]
    )
    pixels = sorted({f"{s['pixel']:.3g}" for row in rows for s in row["stacks"]})
    kinds = Counter(row["label"] or "ordinary" for row in rows)
    return [
        ("volumes", ", ".join(f"{count} {kind}" for kind, count in kinds.items())),
        ("pixels", f"{' or '.join(pixels)} mm"),
        ("scans", ", ".join(stacks)),
        ("reference", f"{sum(bool(row['reference']) for row in rows)} of {len(rows)} volumes have one"),
    ]


def draw_samples(packed: Path, png: Path) -> None:
    """Draw an axial and a coronal slice of some volumes, and the coronal slice of their thickest scan."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    import numpy as np

    from mlmi2023.cohorts.forms.ct_stacks.reader import open_stacks
    from mlmi2023.drawing.slices import name_edges

    cohort = open_stacks(packed)
    # ordinary volumes first, then one of each other kind
    volumes = sorted(cohort.volumes, key=lambda v: bool(v.label))
    shown = [v for v in volumes if not v.label][:3] + [v for v in volumes if v.label][:3]
    kind: dict[str, Any] = {"cmap": "gray", "vmin": -1000, "vmax": 400, "origin": "lower"}
    figure, grid = plt.subplots(
        3, len(shown), figsize=(2.4 * max(len(shown), 2), 7.4), squeeze=False, layout="constrained",
        facecolor="black",
    )  # fmt: skip
    for column, volume in zip(grid.T, shown):
        thick = max(volume.stacks, key=lambda s: s.thickness)
        slices = thick.array()
        reference = volume.reference()
        whole, aspect = (reference, 1.0) if reference is not None else (slices, thick.spacing / thick.pixel)
        column[0].imshow(np.asarray(whole[len(whole) // 2]), **kind)
        column[1].imshow(np.asarray(whole[:, whole.shape[1] // 2]), aspect=aspect, **kind)
        column[2].imshow(
            np.asarray(slices[:, slices.shape[1] // 2]),
            aspect=thick.spacing / thick.pixel,
            interpolation="nearest",
            **kind,
        )
        column[0].set_title(f"{volume.name} · {volume.split}", fontsize=9, color="white")
        text = f"{thick.thickness:g} mm every {thick.spacing:g} mm"
        column[2].set_title(text, fontsize=8, color="white")
        for axes, plane in zip(column, ("axial", "coronal", "coronal")):
            axes.axis("off")
            name_edges(axes, plane)
    figure.savefig(png, dpi=100, facecolor="black")
    plt.close(figure)
