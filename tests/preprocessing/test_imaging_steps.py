"""The preprocessing steps on a simulated head: each does its work or says why it cannot."""

import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from mlmi2023.cohorts.find.index import index_cohort
from mlmi2023.cohorts.sources.simulators.brain.cohort import simulate
from mlmi2023.core.config import at_scale
from mlmi2023.core.errors import InputError
from mlmi2023.core.merging import merge
from mlmi2023.core.yaml_files import read_yaml
from mlmi2023.preprocessing import xfm
from mlmi2023.preprocessing.brainmask import roundness
from mlmi2023.preprocessing.doubts import misregistered
from mlmi2023.preprocessing.steps import load_records, run_step
from mlmi2023.preprocessing.truth import score_batch

ROOT = Path(__file__).parents[2]
# one head as the demo makes them, stored obliquely, with the strongest bias
COHORT = merge(
    at_scale(read_yaml(ROOT / "config/cohorts/brain_adults.yaml"), "demo"),
    {"atlas": False, "options": {"orientations": ["LPS"], "oblique": 6.0, "bias": {"peak": [0.4, 0.4]}}},
)
COHORT["subjects"] = {"train": 1}
GRID = {"shape": [48, 60, 48], "spacing": 3.2}
WHITE = "white"


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    place = tmp_path_factory.mktemp("head") / "bids"
    simulate(COHORT, place, 1)
    return place


@pytest.fixture(scope="module")
def raw(root):
    return [record.entry() for record in index_cohort("head", COHORT, root)]


@pytest.fixture(scope="module")
def done(root, raw, tmp_path_factory):
    """Batch folder of each step, in the order of the chain."""
    place = tmp_path_factory.mktemp("steps")
    folders = {step: place / step / "batch-000" for step in ("n4", "brainmask", "affine", "grid")}
    run_step("n4", raw, root, folders["n4"], {}, 1)
    run_step("brainmask", None, folders["n4"], folders["brainmask"], {"backend": "deepbet"}, 1)
    run_step("affine", None, folders["brainmask"], folders["affine"], {}, 1)
    run_step("grid", None, folders["affine"], folders["grid"], GRID, 1)
    return folders


@pytest.fixture(scope="module")
def scores(raw, done, root):
    rows = (root / "derivatives/labels/dseg.tsv").read_text().splitlines()[1:]
    white = [int(row.split("\t")[0]) for row in rows if WHITE in row.lower()]
    assert white
    found = score_batch(raw, {step: [folder] for step, folder in done.items()}, white)
    return {row["metric"]: row["value"] for row in found}


def test_n4_removes_the_bias_that_was_put_in(scores):
    assert scores["bias_sd_before"] > 0.05
    assert scores["bias_sd_after"] < 0.75 * scores["bias_sd_before"]
    assert scores["wm_cov_after"] < scores["wm_cov_before"]


def test_skull_stripping_finds_the_brain(scores):
    assert scores["dice"] >= 0.95


def test_affine_finds_the_pose(scores):
    assert scores["landmark_mm_before"] > 3 * scores["landmark_mm_after"]
    assert scores["landmark_mm_after"] <= 3


def test_a_head_that_was_left_on_its_side_is_named(raw, done):
    assert misregistered(score_batch(raw, {"affine": [done["affine"]]})) == []
    folder = done["affine"].parent / "batch-pitched"
    shutil.copytree(done["affine"], folder)
    file = Path(load_records(folder)[0]["affine_xfm"])
    pitch = np.eye(4)
    pitch[1:3, 1:3] = [[0, -1], [1, 0]]
    xfm.write_xfm(file, pitch @ xfm.read_xfm(file), "affine", xfm.target_of(file))
    (line,) = misregistered(score_batch(raw, {"affine": [folder]}))
    assert line.startswith("sub-001: ") and "turned by 90" in line


def test_n4_field_times_image_is_the_raw_image(raw, done):
    [record] = load_records(done["n4"])
    before = nib.as_closest_canonical(nib.load(raw[0]["images"]["T1w"])).get_fdata()
    product = nib.load(record["images"]["T1w"]).get_fdata() * nib.load(record["bias"]).get_fdata()
    assert np.allclose(product, np.maximum(before, 0), atol=1e-3 * before.max())


def test_grid_puts_labels_and_landmarks_where_the_image_is(raw, done):
    [record] = load_records(done["grid"])
    image = nib.load(record["images"]["T1w"])
    labels = np.asarray(nib.load(record["labels"]).dataobj)
    assert image.shape == labels.shape == (48, 60, 48)
    assert np.allclose(image.header.get_zooms(), 3.2)
    values = image.get_fdata()
    assert values.min() >= 0 and values.max() == 1
    mask = np.asarray(nib.load(record["mask"]).dataobj) > 0
    assert not values[~mask].any()
    # labelled tissue is inside the brain, and nearly all of it is there
    assert mask[labels > 0].mean() > 0.95
    # a structure's landmark in the grid lies where the affine takes the native one
    table = f"{record['truth']}/sub-{record['subject']}_landmarks.tsv"
    lines = [line.split("\t") for line in Path(table).read_text().splitlines()]
    column = {name: lines[0].index(name) for name in lines[0]}
    native = np.array([[float(line[column[axis]]) for axis in "xyz"] for line in lines[1:]])
    move = xfm.read_xfm(load_records(done["affine"])[0]["affine_xfm"])
    expected = xfm.apply(np.linalg.inv(image.affine) @ move, native)
    rows = [line.split("\t") for line in Path(record["landmarks"]).read_text().splitlines()[1:]]
    assert np.allclose(np.array([[float(x) for x in row[1:4]] for row in rows]), expected, atol=1e-3)


def test_a_step_repeats_to_the_byte(root, raw, done, tmp_path):
    run_step("n4", raw, root, tmp_path / "again", {}, 1)
    name = "sub-001/anat/sub-001_desc-n4_T1w.nii.gz"
    assert (tmp_path / "again" / name).read_bytes() == (done["n4"] / name).read_bytes()


def ball(shape=(40, 40, 40)):
    axes = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij")
    inside = sum(a**2 for a in axes) < 0.6
    return (inside * 100 + np.random.default_rng(0).normal(0, 3, shape) * inside).astype(np.float32)


def one(tmp_path, array, name="sub.nii.gz", affine=None):
    path = tmp_path / name
    nib.save(nib.Nifti1Image(array, np.diag([4, 4, 4, 1.0]) if affine is None else affine), path)
    return [
        {
            "subject": "01",
            "split": "train",
            "images": {"T1w": str(path)},
            "labels": None,
            "truth": None,
            "mask": None,
            "affine_xfm": None,
        }
    ]


def with_nan(array):
    array = array.copy()
    array[3, 3, 3] = np.nan
    return array


@pytest.mark.parametrize("step", ["n4", "brainmask", "affine", "grid"])
@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (with_nan, "NaN"),
        (lambda a: np.stack([a, a], axis=-1), "4"),
        (np.zeros_like, "sub.nii.gz"),
    ],
    ids=["nan", "4d", "empty"],
)
def test_unusable_images_stop_every_step_with_one_line(tmp_path, step, spoil, words):
    records = one(tmp_path, spoil(ball()))
    options = GRID if step == "grid" else {"backend": "deepbet"} if step == "brainmask" else {}
    with pytest.raises(InputError) as caught:
        run_step(step, records, tmp_path, tmp_path / "out/batch-000", options, 1)
    assert "sub.nii.gz" in str(caught.value) and words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not list((tmp_path / "out").iterdir()), "something half-written was left"


def test_a_grid_with_axes_in_another_order_is_refused(tmp_path):
    slab = np.random.default_rng(0).random((40, 6, 44)) + 1  # thin from front to back
    fits = {"shape": [40, 6, 44], "spacing": 4.0, "centre": "volume"}
    run_step("grid", one(tmp_path, slab), tmp_path, tmp_path / "out/good", fits, 1)
    with pytest.raises(InputError, match=r"sub\.nii\.gz: of the image, only 14% .* right, front and up"):
        run_step(
            "grid", one(tmp_path, slab), tmp_path, tmp_path / "out/bad", {**fits, "shape": [40, 44, 6]}, 1
        )
    assert not (tmp_path / "out/bad").exists()


@pytest.mark.parametrize("step", ["n4", "grid"])
def test_a_file_cut_short_is_named(tmp_path, step):
    records = one(tmp_path, ball())
    path = tmp_path / "sub.nii.gz"
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(InputError, match=r"sub\.nii\.gz"):
        run_step(step, records, tmp_path, tmp_path / "out/b", GRID if step == "grid" else {}, 1)
    assert not list((tmp_path / "out").iterdir())


def test_what_is_no_brain_is_refused(tmp_path):
    noise = np.random.default_rng(0).random((40, 40, 40)).astype(np.float32)
    with pytest.raises(InputError, match=r"sub\.nii\.gz"):
        run_step("brainmask", one(tmp_path, noise), tmp_path, tmp_path / "out/b", {"backend": "deepbet"}, 1)
    assert not list((tmp_path / "out").iterdir())


def test_unknown_options_and_backends_are_named(tmp_path):
    records = one(tmp_path, ball())
    for step, options, words in (
        ("n4", {"shrnk": 2}, "shrnk"),
        ("brainmask", {"backend": "bet"}, "backend"),
        ("affine", {"kind": "afine"}, "kind"),
        ("grid", {"shape": [8, 8, 8]}, "spacing"),
    ):
        with pytest.raises(InputError, match=words):
            run_step(step, records, tmp_path, tmp_path / "out/b", options, 1)


@pytest.mark.parametrize(
    ("step", "options"), [("brainmask", {"backend": "fsl_bet"}), ("affine", {"backend": "flirt"})]
)
def test_fsl_backends_say_that_fsl_is_missing(tmp_path, monkeypatch, step, options):
    monkeypatch.delenv("FSLDIR", raising=False)
    with pytest.raises(InputError, match="FSLDIR"):
        run_step(step, one(tmp_path, ball()), tmp_path, tmp_path / "out/b", options, 1)


def test_roundness_of_known_shapes():
    axes = np.meshgrid(*(np.arange(-30, 31) * size for size in (1.0, 2.0, 1.5)), indexing="ij")
    sphere = sum(a**2 for a in axes) < 25**2
    affine = np.diag([1.0, 2.0, 1.5, 1.0])
    assert roundness(sphere, affine) == pytest.approx(1, abs=0.03)
    slab = np.zeros((60, 10, 60), bool)
    slab[5:55, 2:8, 5:55] = True
    # 50 x 6 x 50: surface of the ball of this volume over 2/3 of the box's own
    expected = np.cbrt(np.pi) * (6 * 15000) ** (2 / 3) / (2 / 3 * 6200)
    assert roundness(slab, np.eye(4)) == pytest.approx(expected)
