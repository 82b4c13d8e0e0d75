"""All scans of a cohort, in parallel processes, and the files that they become."""

from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from mlmi2023.cohorts.formats.mrs import write_nifti
from mlmi2023.cohorts.sources.simulators.kit.files import write_about, write_table
from mlmi2023.cohorts.sources.simulators.kit.patients import Patient, plan
from mlmi2023.cohorts.sources.simulators.kit.work import run
from mlmi2023.cohorts.sources.simulators.mega_press.brain import Axis, Brain, clean, usual
from mlmi2023.cohorts.sources.simulators.mega_press.options import read_options
from mlmi2023.cohorts.sources.simulators.mega_press.scanner import acquired, site_of

SPLITS = ("train", "val", "test")


class Scan(NamedTuple):
    """A person, and the site that scans them, from 1."""

    patient: Patient
    site: int

    @property
    def name(self) -> str:
        """What its files are called."""
        return f"site{self.site}_{self.patient.name}"


def simulate(config: dict[str, Any], out: Path, threads: int = 1) -> None:
    """Write a stand-in cohort, in the default layout of :mod:`mlmi2023.cohorts.forms.spectra.form`.

    ``truth.csv`` beside the scans says of each what is in it.

    Args:
        config: a cohort of kind ``simulated``: ``seed``, ``subjects`` (scans per split, dealt to the sites
            in turn)
            and ``options`` (see :mod:`mlmi2023.cohorts.sources.simulators.mega_press.options`).
        out: folder; made if absent.
        threads: worker processes; the bytes do not depend on their number.

    Raises:
        InputError: an option is unknown or out of range.
    """
    options = read_options(config)
    scans, counts = [], dict.fromkeys(SPLITS, 0)
    for patient in plan(config, "s{:03d}", SPLITS):
        scans.append(Scan(patient, 1 + counts[patient.split] % int(options["sites"])))
        counts[patient.split] += 1
    for folder in ("scans", "truth"):
        (out / folder).mkdir(parents=True, exist_ok=True)
    truth = run(config, out, threads, partial(make_scan, options=options, out=out), scans)
    write_table(out / "splits.csv", ("subject", "split"), [(s.name, s.patient.split) for s in scans])
    write_table(out / "truth.csv", list(truth[0]), [row.values() for row in truth])
    write_about(out, config, options)


def make_scan(scan: Scan, options: dict[str, Any], out: Path) -> dict[str, str]:
    """Write one scan and its truth; return what ``truth.csv`` says of it."""
    axis: Axis = int(options["points"]), float(options["width"]), float(options["frequency"])
    rng = scan.patient.random()
    site = site_of(scan.patient.seed, scan.site, options)
    amounts = usual(rng, options["spread"])
    amounts["GABA"] = float(rng.uniform(*options["gaba"]))
    broad = float(rng.uniform(0.8, 1.2))
    width = site.linewidth * float(rng.uniform(0.9, 1.1))
    fids = clean(Brain(amounts, broad, width, options["gauss"]), axis)
    # three protons of a methyl group
    made = acquired(rng, fids, 3 * amounts["NAA"], site, options, axis)
    write_nifti(out / f"scans/{scan.name}.nii", made, axis[1], axis[2])
    write_nifti(out / f"truth/{scan.name}.nii", fids.T[..., None], axis[1], axis[2])
    values = {"linewidth": width, "noise": site.noise, **amounts}
    return {"subject": scan.name, **{key: f"{value:.4g}" for key, value in values.items()}}
