"""The brain simulator: its truth is true, its images are what the labels say, its bytes repeat."""

import csv
import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from nibabel.affines import apply_affine
from scipy import ndimage

from mlmi2023.cohorts.sources.simulators.brain import maps as maps_module
from mlmi2023.cohorts.sources.simulators.brain.cohort import plan, simulate
from mlmi2023.cohorts.sources.simulators.brain.labels import index_of, structures
from mlmi2023.cohorts.sources.simulators.brain.layers import make_layers
from mlmi2023.cohorts.sources.simulators.brain.options import read_options
from mlmi2023.cohorts.sources.simulators.brain.subject import draw_subject, stream
from mlmi2023.cohorts.sources.simulators.brain.template import load_template
from mlmi2023.cohorts.sources.simulators.brain.warps import Warp, exponential, jacobian, rotation
from mlmi2023.core.errors import InputError
from mlmi2023.core.files import tree_hash

SITES = {"alpha": {"gamma": 1.0}, "beta": {"gamma": 1.2, "noise": 1.5, "lean": [0, 0.5, 0]}}
CONFIG = {
    "kind": "simulated",
    "simulator": "brain",
    "modalities": ["T1w", "T2w", "FLAIR"],
    "seed": 7,
    "subjects": {"train": 2, "test": 1},
    "atlas": True,
    "options": {
        "spacing": 4.0,
        "orientations": ["LPS", "LAS", "PIR"],
        "layers": [{"name": "ageing"}, {"name": "site", "profiles": SITES}],
    },
}


@pytest.fixture(scope="module")
def shared():
    return maps_module.build_maps(4.0, 300)


@pytest.fixture(autouse=True)
def derive_once(monkeypatch, shared):
    monkeypatch.setattr("mlmi2023.cohorts.sources.simulators.brain.cohort.build_maps", lambda *_: shared)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory, shared):
    out = tmp_path_factory.mktemp("brain") / "bids"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mlmi2023.cohorts.sources.simulators.brain.cohort.build_maps", lambda *_: shared)
        simulate(CONFIG, out, 1)
    return out


def load(root: Path, subject: str, suffix: str):
    place = {"dseg": "derivatives/labels", "T1w": "", "T2w": "", "FLAIR": ""}.get(suffix, "derivatives/truth")
    image = nib.load(root / place / f"sub-{subject}" / "anat" / f"sub-{subject}_{suffix}.nii.gz")
    return np.asarray(image.dataobj), image.affine


def rows(path: Path) -> list[dict]:
    with open(path) as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


def test_layout_is_bids(cohort):
    people = rows(cohort / "participants.tsv")
    assert [p["participant_id"] for p in people] == ["sub-atlas", "sub-001", "sub-002", "sub-003"]
    assert [p["split"] for p in people] == ["atlas", "train", "train", "test"]
    assert all(20 <= float(p["age"]) <= 85 and p["site"] in SITES for p in people[1:])
    for folder in (cohort, cohort / "derivatives/labels", cohort / "derivatives/truth"):
        described = json.loads((folder / "dataset_description.json").read_text())
        assert described["BIDSVersion"] and described["DatasetType"] in ("raw", "derivative")
    table = rows(cohort / "derivatives/labels/dseg.tsv")
    assert [int(r["index"]) for r in table] == list(range(1, 33))
    assert len({r["name"] for r in table}) == len({r["abbreviation"] for r in table}) == 32
    for person in ("atlas", "001"):
        shapes = {
            load(cohort, person, suffix)[0].shape[:3]
            for suffix in (
                "T1w",
                "T2w",
                "FLAIR",
                "dseg",
                "desc-brain_mask",
                "desc-bias_T1w",
                "from-native_to-template_xfm",
            )
        }
        assert len(shapes) == 1
    assert json.loads((cohort / "cohort.json").read_text())["seed"] == 7


def test_storage_order_is_as_asked_and_slabs_are_oblique(cohort):
    affines = [load(cohort, f"{n:03d}", "T1w")[1] for n in (1, 2, 3)]
    assert {"".join(nib.aff2axcodes(a)) for a in affines} <= {"LPS", "LAS", "PIR"}
    off_axis = [np.sort(np.abs(a[:3, :3]), axis=0)[1].max() for a in affines]
    assert max(off_axis) > 0.05
    assert np.allclose(load(cohort, "atlas", "T1w")[1][:3, :3], 4 * np.eye(3))


def test_same_bytes_whatever_the_threads_and_the_other_subjects(cohort, tmp_path):
    simulate(CONFIG, tmp_path / "two", 2)
    assert tree_hash(tmp_path / "two") == tree_hash(cohort)
    fewer = {**CONFIG, "subjects": {"train": 1}, "atlas": False}
    simulate(fewer, tmp_path / "fewer", 1)
    assert tree_hash(tmp_path / "fewer/sub-001") == tree_hash(cohort / "sub-001")
    other = {**fewer, "seed": 8}
    simulate(other, tmp_path / "other", 1)
    assert tree_hash(tmp_path / "other/sub-001") != tree_hash(cohort / "sub-001")


def test_labels_lie_on_their_side_and_mirror(shared):
    labels = shared.labels
    for row in structures()[:30:2]:
        left, right = labels == row.index, labels == row.index + 1
        x_left = np.argwhere(left)[:, 0].mean() + shared.label_affine[0, 3]
        x_right = np.argwhere(right)[:, 0].mean() + shared.label_affine[0, 3]
        assert row.name.startswith("left") and x_left < -4 and x_right > 4
        assert abs(left.sum() / right.sum() - 1) < 0.03
    assert np.bincount(labels.ravel(), minlength=33)[1:].min() > 1000  # mm3


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("right thalamus", (11, -18, 7)),
        ("left putamen", (-26, 4, 2)),
        ("right caudate", (13, 14, 8)),
        ("left hippocampus", (-28, -22, -14)),
        ("right lateral ventricle", (8, -5, 22)),
        ("left occipital cortex", (-8, -90, 0)),
        ("brainstem", (0, -27, -32)),
        ("left cerebral white matter", (-28, -30, 28)),
    ],
)
def test_known_coordinates_have_their_label(shared, name, place):
    voxel = np.round(np.array(place) - shared.label_affine[:3, 3]).astype(int)
    around = shared.labels[tuple(slice(v - 2, v + 3) for v in voxel)]
    assert (around == index_of(name)).any()


@pytest.mark.parametrize("subject", ["001", "002", "003", "atlas"])
def test_the_saved_map_takes_template_labels_to_the_subject(cohort, shared, subject):
    field, _ = load(cohort, subject, "from-native_to-template_xfm")
    saved, affine = load(cohort, subject, "dseg")
    voxels = apply_affine(np.linalg.inv(shared.label_affine), field)
    warped = ndimage.map_coordinates(shared.labels, np.moveaxis(voxels, -1, 0), order=0)
    either = (warped > 0) | (saved > 0)
    assert (warped == saved)[either].mean() >= 0.99
    right = apply_affine(affine, np.argwhere(saved == index_of("right putamen"))).mean(0)
    left = apply_affine(affine, np.argwhere(saved == index_of("left putamen"))).mean(0)
    assert right[0] - left[0] > 30  # x grows to the right in native space too


@pytest.mark.parametrize("subject", ["001", "002", "atlas"])
def test_image_lies_where_the_saved_map_says(cohort, subject):
    template = load_template()
    image = load(cohort, subject, "T1w")[0] / load(cohort, subject, "desc-bias_T1w")[0]
    field, _ = load(cohort, subject, "from-native_to-template_xfm")
    inside = load(cohort, subject, "desc-brain_mask")[0] > 0
    voxels = np.moveaxis(apply_affine(np.linalg.inv(template.affine), field), -1, 0)
    expected = ndimage.map_coordinates(template.t1, voxels, order=1)

    def match(step, axis):
        return np.corrcoef(np.roll(image, step, axis)[inside], expected[inside])[0, 1]

    here = match(0, 0)
    assert here > 0.85
    assert all(match(step, axis) < here - 0.05 for step in (-1, 1) for axis in range(3))


@pytest.mark.parametrize("subject", ["001", "002", "003"])
def test_landmarks_agree_with_the_saved_map(cohort, subject):
    field, affine = load(cohort, subject, "from-native_to-template_xfm")
    table = rows(cohort / f"derivatives/truth/sub-{subject}/anat/sub-{subject}_landmarks.tsv")
    assert len(table) == 300
    native = np.array([[float(r[k]) for k in "xyz"] for r in table])
    template = np.array([[float(r[k]) for k in ("tx", "ty", "tz")] for r in table])
    where = apply_affine(np.linalg.inv(affine), native).T
    found = np.stack([ndimage.map_coordinates(field[..., k], where, order=1) for k in range(3)], -1)
    assert np.linalg.norm(found - template, axis=1).max() < 0.5 * 4.0
    assert np.linalg.norm(found - template, axis=1).mean() < 0.2
    assert np.linalg.norm(native - template, axis=1).mean() > 3  # there is something to register
    mask, _ = load(cohort, subject, "desc-brain_mask")
    assert (ndimage.map_coordinates(mask.astype(float), where, order=1) > 0.3).mean() > 0.97


def test_warps_are_diffeomorphic_both_ways(shared):
    subject = draw_subject(1, "train", 7, ["T1w"], read_options(CONFIG), shared)
    assert subject.velocity is not None
    voxel = float(shared.velocity_affine[0, 0])
    for velocity in (subject.velocity, -subject.velocity):
        assert jacobian(exponential(velocity, voxel), voxel).min() > 0
    warp = Warp(subject.pose, subject.velocity, shared.velocity_affine)
    displacement = warp.displacement()
    points = shared.landmarks.T
    back = warp.to_template(warp.to_native(points, displacement), displacement)
    assert np.abs(back - points).max() < 0.1
    folding = Warp(subject.pose, 40 * subject.velocity, shared.velocity_affine)
    with pytest.raises(InputError, match=r"options\.warp"):
        folding.displacement()


def test_exponential_of_a_constant_and_of_a_linear_field():
    shape, voxel = (20, 20, 20), 2.0
    constant = np.zeros((3, *shape), np.float32)
    constant[1] = 3.0
    assert np.allclose(exponential(constant, voxel), constant, atol=1e-4)
    grid = (np.indices(shape, dtype=np.float32) - 9.5) * voxel
    shrinking = -0.2 * grid  # exp(-0.2 x) = e^-0.2 x
    inner = (slice(None), *[slice(4, -4)] * 3)
    assert np.allclose(exponential(shrinking, voxel)[inner], ((np.exp(-0.2) - 1) * grid)[inner], atol=0.05)
    assert np.allclose(jacobian(-0.2 * grid, voxel), 0.8**3, atol=1e-4)


def test_rotation_turns_right_handed():
    assert np.allclose(rotation(np.array([0, 0, 90])) @ [1, 0, 0], [0, 1, 0])
    assert np.isclose(np.linalg.det(rotation(np.array([10, 20, 30]))), 1)


def eroded(labels, name, keep=1):
    mask = np.isin(labels, [index_of(n) for n in ([name] if isinstance(name, str) else name)])
    return ndimage.binary_erosion(mask, iterations=keep)


WHITE = ("left cerebral white matter", "right cerebral white matter")


@pytest.mark.parametrize("subject", ["001", "002", "003"])
def test_bias_field_explains_what_is_uneven(cohort, subject):
    image, _ = load(cohort, subject, "T1w")
    bias, _ = load(cohort, subject, "desc-bias_T1w")
    labels, _ = load(cohort, subject, "dseg")
    mask, _ = load(cohort, subject, "desc-brain_mask")
    inside = mask > 0
    white = eroded(labels, WHITE)
    raw, flat = image[white].astype(float), image[white] / bias[white]
    assert flat.std() / flat.mean() < 0.95 * raw.std() / raw.mean()
    assert abs(np.log(bias[inside]).mean()) < 0.01
    low, high = np.percentile(bias[inside], [1, 99])
    assert 0.15 < high - low < 0.6
    assert np.allclose(load(cohort, "atlas", "desc-bias_T1w")[0], 1)


@pytest.mark.parametrize("subject", ["001", "003", "atlas"])
def test_contrasts_order_the_tissues(cohort, subject):
    labels, _ = load(cohort, subject, "dseg")
    cortex = np.isin(labels, range(1, 9))
    fluid = np.isin(labels, [index_of(f"{s} lateral ventricle") for s in ("left", "right")])
    white = eroded(labels, WHITE)
    mean = {
        m: [np.median(load(cohort, subject, m)[0][k]) for k in (fluid, cortex, white)]
        for m in CONFIG["modalities"]
    }
    fluid_, grey, white_ = mean["T1w"]
    assert fluid_ < grey < white_
    fluid_, grey, white_ = mean["T2w"]
    assert fluid_ > grey > white_
    fluid_, grey, white_ = mean["FLAIR"]
    assert fluid_ < white_ < grey


def test_structures_have_texture_in_the_noise_free_atlas(cohort):
    image, _ = load(cohort, "atlas", "T1w")
    white = eroded(load(cohort, "atlas", "dseg")[0], WHITE)
    assert image[white].std() / image[white].mean() > 0.01


def test_head_surrounds_the_brain(cohort):
    image, _ = load(cohort, "atlas", "T1w")
    mask = load(cohort, "atlas", "desc-brain_mask")[0] > 0
    voxel = 4.0**3 / 1e6
    assert 1.7 < mask.sum() * voxel < 2.0  # litres: the template's brain
    white = np.median(image[eroded(load(cohort, "atlas", "dseg")[0], WHITE)])
    distance = ndimage.distance_transform_edt(~mask, sampling=4.0)
    upper = np.arange(image.shape[2])[None, None] > image.shape[2] // 2
    skull = image[(distance > 4) & (distance < 8) & upper]
    assert np.median(skull) < 0.5 * white
    bright = image > 0.6 * white  # no threshold tells the brain from fat, marrow and muscle
    assert (bright & ~mask).sum() > 0.2 * (bright & mask).sum()
    assert np.median(image[(distance > 60) & upper]) < 0.02 * white


def test_noise_is_rician(cohort):
    image, _ = load(cohort, "001", "T1w")
    field, _ = load(cohort, "001", "from-native_to-template_xfm")
    air = image[field[..., 2] > 118]  # above the template
    assert air.size > 500
    assert np.isclose(air.mean() / air.std(), np.sqrt(np.pi / (4 - np.pi)), rtol=0.1)


def test_ventricles_grow_with_age_and_sites_differ(shared):
    options = read_options(CONFIG)
    subject = draw_subject(2, "train", 7, ["T1w"], options, shared)
    (_, ageing), (_, site) = make_layers(CONFIG["options"]["layers"])
    grid = np.indices(shared.labels.shape, dtype=np.float32)[:, 30:170:2, 50:200:2, 50:130:2]
    ventricle = np.isin(shared.labels, [index_of(f"{s} lateral ventricle") for s in ("left", "right")])
    volumes = []
    for age in (25.0, 55.0, 85.0):
        subject.age, subject.velocity = age, np.zeros_like(shared.pull)
        aged = ageing.apply(subject, shared, stream(7, 2, "layer ageing"))
        warp = Warp(np.eye(4), aged.velocity, shared.velocity_affine)
        origin = shared.label_affine[:3, 3].reshape(3, 1, 1, 1)
        there = warp.to_template(grid + origin, warp.displacement()) - origin
        volumes.append(ndimage.map_coordinates(ventricle.astype(np.float32), there, order=1).sum())
    assert volumes[0] < volumes[1] < volumes[2] and volumes[2] > 1.5 * volumes[0]
    assert (subject.velocity == 0).all()  # a layer leaves the subject given as it is
    seen = {}
    for number in range(12):
        scanned = site.apply(subject, shared, stream(7, number, "layer site"))
        seen[scanned.site] = scanned.gamma, scanned.noise / subject.noise
    assert seen["alpha"] == (1.0, 1.0) and seen["beta"] == pytest.approx((1.2, 1.5))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"options": {"spacng": 2}}, "did you mean 'spacing'"),
        ({"options": {"pose": {"rotaton": 2}}}, "did you mean 'rotation'"),
        ({"options": {"spacing": [1, 2]}}, "spacing"),
        ({"options": {"noise": [0.2, 0.1]}}, "noise"),
        ({"options": {"layers": [{"name": "agein"}]}}, "did you mean 'ageing'"),
        ({"options": {"layers": [{"name": "ageing", "pace": 1}]}}, "pace"),
        ({"options": {"layers": [{"name": "site", "profiles": {"a": {"gama": 1}}}]}}, "did you mean 'gamma'"),
        ({"modalities": ["T1"]}, "T1"),
        ({"subjects": {"trian": 1}}, "trian"),
    ],
)
def test_mistakes_are_named(tmp_path, change, says):
    with pytest.raises(InputError, match=says):
        simulate({**CONFIG, **change}, tmp_path / "none", 1)
    assert not (tmp_path / "none").exists()


def test_subjects_are_planned_like_the_index_plans_them():
    from mlmi2023.cohorts.find.index import index_cohort

    planned = index_cohort("brain", CONFIG, Path("root"))
    ours = {("atlas" if number == 0 else f"{number:03d}"): split for number, _, split, _ in plan(CONFIG)}
    assert {record.subject: record.split for record in planned} == ours


def test_anisotropic_voxels(tmp_path):
    config = {**CONFIG, "modalities": ["T1w"], "subjects": {"train": 1}, "atlas": False}
    config["options"] = {"spacing": [3, 3, 6], "fov": [180, 180, 180]}
    simulate(config, tmp_path, 1)
    image, affine = load(tmp_path, "001", "T1w")
    assert image.shape == (60, 60, 30)
    assert np.allclose(np.linalg.norm(affine[:3, :3], axis=0), [3, 3, 6], atol=1e-4)
