"""The template every stand-in subject is made from: MNI152 tissue maps and a whole head.

Two averages of 152 adults come inside packages that are installed anyway: T1, grey and white matter of the
skull-stripped symmetric ICBM 2009a template (nilearn), and the whole head of MNI152NLin6Asym (nimare, whose
files are read without importing the package). Both state millimetres of MNI152 space on axes parallel to the
world's, and their origins differ by whole voxels, so the head is shifted onto the brain's grid without
interpolation. The two brains agree to about a millimetre; since gyri do not, the brain always comes from
nilearn, and the head only fills what lies outside it.
"""

import importlib.util
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import nibabel as nib
import numpy as np
from scipy import ndimage

from mlmi2023.core.errors import InputError

BRAIN_FILE = "datasets/data/mni_icbm152_{}_tal_nlin_sym_09a_converted.nii.gz"
HEAD_FILE = "resources/templates/tpl-MNI152NLin6Asym_res-01_{}.nii.gz"
NECK_MM = 3  # slices below the brain, which ends with the averages; images repeat the last one as neck
WHITE = 225.0  # white matter of the nilearn T1, of 255
WHOLE_BRAIN = 0.86  # median of the brain relative to white matter, in both T1 averages
AIR = 0.06  # the background of the head is noise below this


@dataclass(frozen=True)
class Template:
    """Volumes on one 1 mm grid (X, Y, Z), RAS.

    Attributes:
        t1: T1 of the brain, white matter about 1, zero outside; float32.
        gm: grey matter fraction in [0, 1]; float32.
        wm: white matter fraction in [0, 1]; float32.
        brain: brain mask, ventricles and sulci included; bool.
        head: T1 of the whole head, on the scale of ``t1``, background zero; float32.
        inner: inside of the skull: either template's brain; bool.
        affine: voxel to world (RAS mm), 4 x 4.
    """

    t1: np.ndarray
    gm: np.ndarray
    wm: np.ndarray
    brain: np.ndarray
    head: np.ndarray
    inner: np.ndarray
    affine: np.ndarray

    def world(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return open grids of x, y and z in mm."""
        axes = [self.affine[k, 3] + np.arange(n, dtype=np.float32) for k, n in enumerate(self.t1.shape)]
        return tuple(np.ix_(*axes))  # type: ignore[return-value]


def packaged(package: str, file: str) -> Path:
    """Return a data file inside an installed package, which is not imported.

    Raises:
        InputError: the package or the file is not there.
    """
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise InputError(f"package '{package}' is not installed; the brain simulator reads its template")
    path = Path(spec.origin).parent / file
    if not path.exists():
        raise InputError(f"{path}: not in this version of '{package}'; install the pinned version")
    return path


def _load(path: Path) -> tuple[np.ndarray, np.ndarray]:
    image = nib.as_closest_canonical(nib.load(path))
    return np.asanyarray(image.dataobj), image.affine


@cache
def load_template() -> Template:
    """Return the template, with the neck continued downwards.

    Raises:
        InputError: a package is missing, or the two templates do not share a grid of whole millimetres.
    """
    brain, affine = {}, np.eye(4)
    for name in ("t1", "gm", "wm"):
        brain[name], affine = _load(packaged("nilearn", BRAIN_FILE.format(name)))
    head, head_affine = _load(packaged("nimare", HEAD_FILE.format("T1w")))
    head_mask, _ = _load(packaged("nimare", HEAD_FILE.format("desc-brain_mask")))
    offset = head_affine[:3, 3] - affine[:3, 3]
    if not (
        np.allclose(affine[:3, :3], np.eye(3))
        and np.allclose(head_affine[:3, :3], np.eye(3))
        and np.allclose(offset, np.round(offset))
    ):
        raise InputError(
            "templates of nilearn and nimare: not on parallel 1 mm grids; install the pinned versions"
        )
    shape = (brain["t1"].shape[0], brain["t1"].shape[1], brain["t1"].shape[2] + NECK_MM)
    bottom = np.array([0, 0, NECK_MM])
    start = np.round(offset).astype(int) + bottom

    mask = np.zeros(shape, bool)
    mask[:, :, NECK_MM:] = brain["t1"] > 0
    mask = _fill(mask)
    placed = np.zeros(shape, np.float32)
    stop = [min(a + n, m) for a, n, m in zip(start, head.shape, shape, strict=True)]
    inside = tuple(slice(a, b) for a, b in zip(start, stop, strict=True))
    cut = tuple(slice(0, b - a) for a, b in zip(start, stop, strict=True))
    placed[inside] = head[cut]
    placed[inside] *= WHOLE_BRAIN / np.median(head[cut][head_mask[cut] > 0])
    placed[:, :, :NECK_MM] = placed[:, :, NECK_MM : NECK_MM + 1]
    placed[placed < AIR] = 0
    inner = mask.copy()
    inner[inside] |= head_mask[cut] > 0
    volumes = {}
    for name, volume in brain.items():
        volumes[name] = np.zeros(shape, np.float32)
        volumes[name][:, :, NECK_MM:] = volume
    moved = affine.copy()
    moved[2, 3] -= NECK_MM
    return Template(
        t1=volumes["t1"] / WHITE,
        gm=volumes["gm"] / 255,
        wm=volumes["wm"] / 255,
        brain=mask,
        head=placed,
        inner=inner,
        affine=moved,
    )


def _fill(mask: np.ndarray) -> np.ndarray:
    """Close gaps of a few millimetres and fill what is enclosed."""
    ball = ndimage.generate_binary_structure(3, 1)
    closed = ndimage.binary_closing(np.pad(mask, 4), ball, iterations=3)[4:-4, 4:-4, 4:-4]
    return ndimage.binary_fill_holes(closed | mask)
