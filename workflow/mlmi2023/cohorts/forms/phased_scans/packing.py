"""Bring 4D CT to one grid around the lungs and pack it; one patient in memory at a time."""

import hashlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from mlmi2023.cohorts.find.label_names import named
from mlmi2023.cohorts.formats.volumes import check_same_grid, read_labels
from mlmi2023.cohorts.forms.phased_scans.patients import Patient
from mlmi2023.cohorts.forms.phased_scans.phase_files import read_landmarks, read_scan, stored_grid
from mlmi2023.cohorts.forms.scans.raw import read_label_names
from mlmi2023.cohorts.seal import seal
from mlmi2023.core.errors import InputError
from mlmi2023.core.files import atomic
from mlmi2023.preprocessing.lungmask import NAMES, find_lungs
from mlmi2023.preprocessing.resample import grid_affine, resample
from mlmi2023.preprocessing.xfm import apply

CUT = 0.03  # share of the lungs that may lie outside the grid

Volume = tuple[np.ndarray, np.ndarray]
Points = dict[str, np.ndarray]  # by phase


@dataclass(frozen=True)
class Prepared:
    """One patient on the grid.

    Attributes:
        grid: affine of the grid around the lungs of all phases.
        images: (phases, X, Y, Z) float16 in [0, 1].
        labels: (phases, X, Y, Z) uint8.
        landmarks: (K, 3) voxels of the grid, of the phases that have some.
        truth: (3, X, Y, Z) float16 voxels, or None.
    """

    grid: np.ndarray
    images: np.ndarray
    labels: np.ndarray
    landmarks: dict[str, np.ndarray]
    truth: np.ndarray | None


def write_packed(
    where: str,
    config: dict[str, Any],
    read: dict[str, Any],
    patients: list[Patient],
    root: Path,
    out: Path,
    name: str,
) -> None:
    """Write the packed folder; see :func:`mlmi2023.cohorts.forms.phased_scans.form.pack`."""
    phases, modality = read["phases"], str(read["modality"])
    folds, known = _folds(where, config, patients), all(p.truth for p in patients)
    digest, values = hashlib.sha256(), set[int]()
    rows: list[dict[str, Any]] = []
    marks: list[dict[str, np.ndarray]] = []
    with atomic(out) as part:
        part.mkdir()
        size, grid = (len(patients) * len(phases), *map(int, read["shape"])), (3, *map(int, read["shape"]))
        images = np.lib.format.open_memmap(part / f"{modality}.npy", "w+", np.float16, size)
        maps = np.lib.format.open_memmap(part / "labels.npy", "w+", np.uint8, size)
        ways = part / "truth.npy"
        truth = np.lib.format.open_memmap(ways, "w+", np.float16, (len(patients), *grid)) if known else None
        for number, patient in enumerate(patients):
            own = prepare(where, read, patient)
            here = slice(len(rows), len(rows) + len(phases))
            images[here], maps[here] = own.images, own.labels
            digest.update(own.images.tobytes() + own.labels.tobytes())
            values |= {int(v) for v in np.unique(own.labels)}
            marks.append(own.landmarks)
            if truth is not None:
                truth[number] = own.truth
                digest.update(truth[number].tobytes())
            fold = {"fold": folds[number]} if folds else {}
            for phase in phases:
                ids = {"subject": f"{patient.patient}_{phase}", "patient": patient.patient, "phase": phase}
                rows.append({**ids, "split": patient.split, "affine": own.grid.tolist(), **fold})
            print(f"{name}: {number + 1}/{len(patients)} patient {patient.patient}", flush=True)
        most = max((len(points) for own in marks for points in own.values()), default=0)
        if most:
            points = _table(marks, phases, most)
            np.save(part / "landmarks.npy", points)
            digest.update(points.tobytes())
        about: dict[str, Any] = {
            "name": name,
            "form": "phased_scans",
            "subjects": rows,
            "modalities": [modality],
            "shape": list(size[1:]),
            "spacing": [float(s) for s in read["spacing"]],
            "affine": rows[0]["affine"],
            "labels": {str(v): text for v, text in _names(config, patients, root, values).items()},
            "landmarks": [str(number) for number in range(1, most + 1)],
            "inhale": read["inhale"],
            "exhale": read["exhale"],
            "truth": known,
            "facts": _facts(patients, read, marks),
        }
        seal(part, about, digest.hexdigest())


def prepare(where: str, read: dict[str, Any], patient: Patient) -> Prepared:
    """Read one patient and bring all phases to the grid around the lungs.

    Args:
        where: how messages name the configuration.
        read: the cohort's key ``read``, complete.
        patient: the files.

    Raises:
        InputError: see :func:`mlmi2023.cohorts.forms.phased_scans.form.pack`.
    """
    shape, spacing = tuple(int(n) for n in read["shape"]), tuple(float(s) for s in read["spacing"])
    scans = {phase: read_scan(file, patient.patient, read) for phase, file in patient.scans.items()}
    marks = _landmarks(where, read, patient, scans)  # before what takes time
    lungs = {phase: _lungs(patient, phase, scan) for phase, scan in scans.items()}
    grid = _grid(where, patient, lungs, shape, spacing)
    return Prepared(
        grid,
        np.stack([_scaled(patient.scans[p], scan, grid, shape, read["window"]) for p, scan in scans.items()]),
        np.stack([resample(*own, shape, grid, order=0) for own in lungs.values()]),
        _on_grid(where, patient, marks, grid, shape),
        _truth(patient.truth, shape, grid) if patient.truth else None,
    )


def _folds(where: str, config: dict[str, Any], patients: list[Patient]) -> list[int]:
    dealt = config.get("folds")
    if not dealt:
        return []
    count = int(dealt["count"])
    groups = list(dict.fromkeys(patient.group for patient in patients))
    if count > len(groups):
        raise InputError(f"{where}: key 'folds.count' is {count}, there are {len(groups)} patients; lower it")
    order = np.arange(len(groups))
    if "seed" in dealt:
        order = np.random.default_rng(int(dealt["seed"])).permutation(order)
    found = np.empty(len(groups), int)
    found[order] = np.arange(len(groups)) % count
    return [int(found[groups.index(patient.group)]) for patient in patients]


def _lungs(patient: Patient, phase: str, scan: Volume) -> Volume:
    if not patient.labels:
        return find_lungs(*scan, patient.scans[phase])
    labels, affine = read_labels(patient.labels[phase], empty=True)
    check_same_grid(scan, (labels, affine), patient.labels[phase])
    if not labels.any() or labels.max() > 255:
        raise InputError(
            f"{patient.labels[phase]}: labels go to {labels.max()}; give the lungs values of 1 to 255"
        )
    return labels.astype(np.uint8), affine


def _grid(
    where: str, patient: Patient, lungs: dict[str, Volume], shape: tuple[int, ...], spacing: tuple[float, ...]
) -> np.ndarray:
    """Return the affine of the grid around the lungs of all phases."""
    spots = [apply(affine, np.argwhere(labels)) for labels, affine in lungs.values()]
    low, high = np.min([s.min(0) for s in spots], axis=0), np.max([s.max(0) for s in spots], axis=0)
    grid = grid_affine(shape, spacing, (low + high) / 2)  # type: ignore[arg-type]
    for phase, own in zip(lungs, spots):
        voxels = apply(np.linalg.inv(grid), own)
        lost = ((voxels < -0.5) | (voxels > np.array(shape) - 0.5)).any(1).mean()
        if lost > CUT:
            size = " x ".join(f"{s:.0f}" for s in high - low)
            raise InputError(
                f"{where}: the grid cuts {100 * lost:.0f} % of the lungs of patient {patient.patient}, phase "
                f"{phase}, which span {size} mm; raise read.shape or read.spacing"
            )
    return grid


def _scaled(
    file: str, scan: Volume, grid: np.ndarray, shape: tuple[int, ...], window: list[float]
) -> np.ndarray:
    """Return a phase on the grid, float16 in [0, 1]; what it does not reach is 0, as air is."""
    low, high = map(float, window)
    scaled = np.clip((scan[0] - low) / (high - low), 0, 1)
    if not 0 < scaled.mean() < 1:
        raise InputError(f"{file}: all is outside {low:g} to {high:g} HU; check read.window and read.offset")
    return resample(scaled, scan[1], shape, grid).clip(0, 1).astype(np.float16)


def _landmarks(where: str, read: dict[str, Any], patient: Patient, scans: dict[str, Volume]) -> Points:
    """Return the landmarks of the phases that have some, (K, 3) RAS mm."""
    found = {}
    for phase, file in patient.landmarks.items():
        stored = stored_grid(patient.scans[phase], scans[phase], read)
        found[phase] = read_landmarks(file, *stored, read.get("landmark_index"))
        own = found[phase]
        if "landmark_index" not in read and (own >= 0).all() and (own == np.rint(own)).all():
            raise InputError(
                f"{file}: landmarks are whole numbers, as voxels are; set read.landmark_index to the number "
                "of the first voxel (0 or 1), or to null where they are mm"
            )
    if len({len(own) for own in found.values()}) > 1:
        counts = ", ".join(f"{file} has {len(found[phase])}" for phase, file in patient.landmarks.items())
        raise InputError(f"{where}: landmarks of patient {patient.patient} do not correspond: {counts}")
    return found


def _on_grid(where: str, patient: Patient, marks: Points, grid: np.ndarray, shape: tuple[int, ...]) -> Points:
    """Return landmarks in voxels of the grid."""
    found = {phase: apply(np.linalg.inv(grid), world) for phase, world in marks.items()}
    for phase, points in found.items():
        outside = ((points < 0) | (points > np.array(shape) - 1)).any(1)
        if outside.any():
            raise InputError(
                f"{where}: {outside.sum()} landmarks of {patient.landmarks[phase]} lie outside the grid, the "
                f"first in row {outside.argmax() + 1}; raise read.shape or read.spacing"
            )
    return found


def _table(marks: list[dict[str, np.ndarray]], phases: list[str], most: int) -> np.ndarray:
    """Return (patients x phases, most, 3) float32, NaN where there is no landmark."""
    table = np.full((len(marks), len(phases), most, 3), np.nan, np.float32)
    for number, own in enumerate(marks):
        for phase, points in own.items():
            table[number, phases.index(phase), : len(points)] = points
    return table.reshape(-1, most, 3)


def _truth(file: str, shape: tuple[int, ...], grid: np.ndarray) -> np.ndarray:
    """Return the known way of a made patient, (3, X, Y, Z) float16, in voxels of the grid."""
    image: Any = nib.load(file)
    way, step = np.asarray(image.dataobj, np.float32), np.diag(grid)[:3]
    parts = [resample(way[..., axis], image.affine, shape, grid) / step[axis] for axis in range(3)]
    return np.stack(parts).astype(np.float16)


def _names(config: dict[str, Any], patients: list[Patient], root: Path, values: set[int]) -> dict[int, str]:
    given = config.get("label_names") or (config.get("layout") or {}).get("label_names")
    if given:
        names = {int(k): str(v) for k, v in given.items()}
    else:
        names = read_label_names(root) if patients[0].labels else NAMES
    return named(names, values - {0})


def _facts(
    patients: list[Patient], read: dict[str, Any], marks: list[dict[str, np.ndarray]]
) -> list[tuple[str, str]]:
    splits = Counter(patient.split for patient in patients)
    voxels, size = (" x ".join(f"{v:g}" for v in read[key]) for key in ("shape", "spacing"))
    facts = [
        ("patients", ", ".join(f"{n} {split}" for split, n in splits.items())),
        ("phases", ", ".join(read["phases"])),
        ("grid", f"{voxels} voxels of {size} mm around the lungs"),
        ("lungs", "label maps" if patients[0].labels else "found by their density"),
    ]
    apart = []
    for patient, own in zip(patients, marks):
        if {read["inhale"], read["exhale"]} <= set(own):
            apart_voxels = own[read["inhale"]] - own[read["exhale"]]
            way = np.linalg.norm(apart_voxels * np.array(read["spacing"], float), axis=1)
            apart.append(f"{patient.patient}: {way.mean():.1f} ± {way.std():.1f}")
    return facts + ([("landmarks apart, mm", ", ".join(apart))] if apart else [])
