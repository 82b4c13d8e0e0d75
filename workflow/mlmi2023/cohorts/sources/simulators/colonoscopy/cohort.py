"""All patients of a cohort, in parallel processes, and the files that their frames become."""

from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mlmi2023.cohorts.formats.photographs import write_png
from mlmi2023.cohorts.forms.domain_images.listing import CLASSES, SAMPLES
from mlmi2023.cohorts.sources.simulators.colonoscopy import lumps
from mlmi2023.cohorts.sources.simulators.colonoscopy.mucosa import draw_mucosa
from mlmi2023.cohorts.sources.simulators.colonoscopy.options import KINDS, read_options
from mlmi2023.cohorts.sources.simulators.colonoscopy.overlays import shown, write_over
from mlmi2023.cohorts.sources.simulators.colonoscopy.scope import lit, view_depth
from mlmi2023.cohorts.sources.simulators.dermoscopy.lesion import between
from mlmi2023.cohorts.sources.simulators.fundus.camera import photograph
from mlmi2023.cohorts.sources.simulators.kit.files import write_about, write_table
from mlmi2023.cohorts.sources.simulators.kit.patients import Patient, plan
from mlmi2023.cohorts.sources.simulators.kit.work import run

#: drawn on a grid so much finer, then averaged, as the camera expects it
FINER = 2
#: label maps, and what their values 1, 2, ... are
MAPS = {"masks": ("polyp",), "overlays": KINDS, "view": ("tissue",)}


class Frame(NamedTuple):
    """A frame (S, S, 3) uint8, its label maps (S, S) uint8, and what was drawn."""

    image: np.ndarray
    maps: dict[str, np.ndarray]
    about: dict[str, float]


def simulate(config: dict[str, Any], out: Path, threads: int = 1) -> None:
    """Write a stand-in cohort, in the default layout of :mod:`mlmi2023.cohorts.forms.domain_images.form`.

    ``truth.csv`` beside it says of each frame what is in it.

    Args:
        config: a cohort of kind ``simulated``: ``seed``, ``subjects`` (patients per domain) and ``options``
            (see :mod:`mlmi2023.cohorts.sources.simulators.colonoscopy.options`).
        out: folder; made if absent.
        threads: worker processes; the bytes do not depend on their number.

    Raises:
        InputError: an option is unknown or out of range.
    """
    options = read_options(config)
    patients = plan(config, "p{:05d}")
    for name in ("images", *(f"maps/{name}" for name in MAPS)):
        (out / name).mkdir(parents=True, exist_ok=True)
    made = run(config, out, threads, partial(make_patient, options=options, out=out), patients)
    rows = [row for own in made for row in own]
    columns = ("image", "patient", "domain")
    write_table(out / SAMPLES, columns, [[row[key] for key in columns] for row in rows])
    write_table(out / "truth.csv", list(rows[0]), [row.values() for row in rows])
    names = [(name, value, text) for name, own in MAPS.items() for value, text in enumerate(own, 1)]
    write_table(out / CLASSES, ("map", "value", "name"), names)
    write_about(out, config, options)


def make_patient(patient: Patient, options: dict[str, Any], out: Path) -> list[dict[str, Any]]:
    """Write the frames of one patient; return what the tables say of each."""
    own, rng = options["domains"][patient.split], patient.random()
    low, high = own["frames"]
    tone = between(rng, options["tone"])
    has = rng.uniform() < options["polyp"]["share"]
    polyp = lumps.draw_polyp(rng, options["polyp"])
    rows = []
    for number in range(int(rng.integers(int(low), int(high) + 1))):
        frame = make_frame(patient.random(number + 1), tone, polyp if has else None, own, options)
        name = f"{patient.name}_{number}"
        write_png(out / f"images/{name}.png", frame.image)
        for key, values in frame.maps.items():
            write_png(out / f"maps/{key}/{name}.png", values)
        about = {key: f"{value:.4g}" for key, value in frame.about.items()}
        rows.append({"image": name, "patient": patient.name, "domain": patient.split, **about})
    return rows


def make_frame(
    rng: np.random.Generator,
    tone: float,
    polyp: lumps.Polyp | None,
    own: dict[str, Any],
    options: dict[str, Any],
) -> Frame:
    """Draw a frame.

    The mask is what is to be seen of the polyp: within the view, and not under an overlay.

    Args:
        rng: its random numbers.
        tone: of the patient's mucosa.
        polyp: the patient's; None without.
        own: options of the domain.
        options: of the simulator.
    """
    size, view = int(options["size"]), own["view"]
    middle, reach = (view["centre"][0], view["centre"][1]), view["radius"]
    scene = draw_mucosa(rng, FINER * size, tone, options["mucosa"])
    mask, taken, at, zoom = np.zeros_like(scene.relief, bool), [], None, 2 * reach * rng.uniform(0.85, 1.2)
    if polyp is not None:
        at = lumps.place_of(rng, polyp.radius, middle, reach - 0.6 * zoom * polyp.radius, [])
        if at is not None:
            mask = lumps.add_polyp(rng, scene, polyp, at, zoom)
            taken.append((*at, zoom * polyp.radius))
    others = 0
    low, high = options["lumps"]["count"]
    # without a polyp at least one lump, so that a lump is no sign of one
    for _ in range(max(int(rng.integers(int(low), int(high) + 1)), polyp is None)):
        lump = lumps.draw_polyp(rng, {**options["polyp"], **options["lumps"]}, pits=0.0)
        spot = lumps.place_of(rng, zoom * lump.radius, middle, reach - 0.6 * zoom * lump.radius, taken)
        if spot is not None:
            lumps.add_lump(rng, scene, lump, spot, zoom)
            taken.append((*spot, zoom * lump.radius))
            others += 1
    lumps.add_stool(rng, scene, options["stool"], mask)

    depth = view_depth(size, view)
    pixels = photograph(rng, lit(rng, scene, options["highlights"]), own, field=False)
    pixels = np.where((depth < 1)[..., None], pixels, np.uint8(rng.integers(0, 9))).astype(np.uint8)
    overlays = shown(rng, own["overlays"], own["agree"], at[0] if at is not None else None)
    image, over = write_over(rng, pixels, overlays, depth)
    seen = (depth < 1) & (over == 0)
    coarse = mask.reshape(size, FINER, size, FINER).mean(axis=(1, 3)) >= 0.5
    maps = {"masks": coarse & seen, "overlays": over, "view": depth < 1}
    about = {
        "tone": tone,
        "polyp": float((coarse & seen).any()),
        "area": float((coarse & seen).mean()),
        "lumps": float(others),
        "overlays": float(len(overlays)),
    }
    return Frame(image, {name: values.astype(np.uint8) for name, values in maps.items()}, about)
