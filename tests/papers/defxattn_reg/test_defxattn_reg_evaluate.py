"""SyN, prediction and scores of defxattn_reg on a cohort of three dozen voxels a side with known warps."""

import json
import math

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from mlmi2023.classical.itk_fields import field_to_voxels
from mlmi2023.classical.syn import syn
from mlmi2023.cohorts.seal import seal
from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.fields.displacement import identity_grid, warp
from mlmi2023.fields.jacobian import digital_folding
from mlmi2023.metrics.landmarks import move_points
from mlmi2023.papers.defxattn_reg import evaluate, model
from mlmi2023.papers.defxattn_reg.evaluate import predict
from mlmi2023.tasks import chain

SHAPE = (24, 28, 20)
SPACING = (1.0, 2.0, 1.5)
NAMES = {1: "shell", 2: "core", 3: "spot", 9: "nowhere"}
ALL = ["dice", "hd95", "sdlogj", "pct_fold", "ndv", "tre", "seconds"]


def template():
    """Nested ellipsoids off the centre and a spot, so that no mirror image or axis swap fits."""
    x, y, z = identity_grid(SHAPE)[0].numpy()
    radius = np.sqrt(((x - 11) / 8) ** 2 + ((y - 14) / 10) ** 2 + ((z - 9) / 7) ** 2)
    labels = np.zeros(SHAPE, np.uint8)
    labels[radius < 1] = 1
    labels[np.sqrt((x - 10) ** 2 + (y - 16) ** 2 + (z - 9) ** 2) < 4] = 2
    labels[np.abs(x - 14) + np.abs(y - 9) + np.abs(z - 8) < 3.5] = 3
    image = gaussian_filter(np.array([0.0, 0.4, 0.9, 0.65])[labels], 0.7).astype(np.float32)
    return image, labels


def true_field(seed):
    """Smooth, up to 3 voxels, of another size along each axis."""
    noise = np.random.default_rng(seed).standard_normal((3, *SHAPE))
    u = np.stack([gaussian_filter(c, 6) for c in noise])
    return (u / np.abs(u).max() * np.array([3.0, 2.5, 2.0])[:, None, None, None]).astype(np.float32)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    """Rows: atlas, two test subjects, one train; subject(x) = atlas(x + u(x)) with u known."""
    folder = tmp_path_factory.mktemp("packed")
    image, labels = template()
    fields = [np.zeros((3, *SHAPE), np.float32), *(true_field(seed) for seed in (1, 2, 3))]
    points = np.random.default_rng(0).uniform(6, 14, (30, 3))
    images, maps, marks = [], [], []
    for u in fields:
        field = torch.from_numpy(u)[None]
        images.append(warp(torch.from_numpy(image)[None, None], field)[0, 0].numpy())
        maps.append(warp(torch.from_numpy(labels)[None, None], field, "nearest")[0, 0].numpy())
        marks.append(points)
    # Landmark p of a subject lies at p + u(p) in the atlas; one set per subject, atlas row holds subject 1's.
    marks[0] = move_points(fields[1], points)
    np.save(folder / "T1w.npy", np.stack(images).astype(np.float16))
    np.save(folder / "labels.npy", np.stack(maps))
    np.save(folder / "landmarks.npy", np.stack(marks).astype(np.float32))
    subjects = [("atlas", "atlas"), ("001", "test"), ("002", "test"), ("003", "train")]
    about = {
        "name": "tiny",
        "subjects": [{"subject": s, "split": split} for s, split in subjects],
        "modalities": ["T1w"],
        "shape": SHAPE,
        "spacing": SPACING,
        "affine": np.diag([*SPACING, 1.0]).tolist(),
        "labels": {str(k): v for k, v in NAMES.items()},
        "landmarks": [str(i) for i in range(30)],
        "content_hash": "tiny",
    }
    seal(folder, about, "")
    return folder, fields


def job(cohort, kind, /, **task):
    options = kind if isinstance(kind, dict) else {"kind": kind}
    task = {"kind": "atlas_to_patient", "moving": "T1w", "fixed": "T1w", "metrics": ALL, **task}
    return Job("defxattn_reg", "tiny", "m", 5, cohort[0], task=task, method_options=options, device="cpu")


def score(job, predictions):
    return chain.tidy(job, evaluate.score(job, predictions))


def table(rows, case=None):
    return {(r["metric"], r["label"]): r["value"] for r in rows if case in (None, r["case"])}


class Known(torch.nn.Module):
    """Answers with a stored field, and counts."""

    def __init__(self, field):
        super().__init__()
        self.field = torch.nn.Parameter(torch.from_numpy(field)[None])
        self.calls = 0

    def forward(self, moving, fixed):
        assert not self.training
        assert moving.shape == fixed.shape == (1, 1, *SHAPE)
        self.calls += 1
        return self.field


# --- SyN -------------------------------------------------------------------------------------------


def test_syn_field_means_the_same_to_ants_and_to_us(tmp_path):
    """On a grid with flipped and swapped world axes: same image, and same landmarks within 1e-3 mm."""
    import ants
    import pandas as pd

    moving, _ = template()
    fixed = warp(torch.from_numpy(moving)[None, None], torch.from_numpy(true_field(1))[None])[0, 0].numpy()
    angle = math.radians(20)
    turn = np.array(
        [[math.cos(angle), -math.sin(angle), 0], [math.sin(angle), math.cos(angle), 0], [0, 0, 1]]
    )
    direction = turn @ np.array([[-1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
    origin = (11.0, -7.0, 3.0)
    frame = {"origin": origin, "spacing": SPACING, "direction": direction}
    a, b = ants.from_numpy(fixed, **frame), ants.from_numpy(moving, **frame)
    result = ants.registration(
        a, b, "SyNOnly", initial_transform="Identity", outprefix=str(tmp_path / "r"),
        syn_metric="meansquares", reg_iterations=(20, 10), random_seed=1,
    )  # fmt: skip
    transforms = result["fwdtransforms"]
    whole = ants.image_read(ants.apply_transforms(a, b, transforms, compose=str(tmp_path / "w")))
    u = field_to_voxels(whole.numpy(), whole.spacing, whole.direction)
    assert np.abs(u).max() > 1

    theirs = ants.apply_transforms(a, b, transforms, interpolator="linear").numpy()
    ours = warp(torch.from_numpy(moving)[None, None], torch.from_numpy(u)[None])[0, 0].numpy()
    assert np.abs(ours - theirs).max() < 1e-2
    assert np.abs(ours - moving).max() > 0.2

    points = np.random.default_rng(0).uniform(5, 15, (20, 3))
    to_world = direction * np.array(SPACING)
    world = pd.DataFrame(points @ to_world.T + origin, columns=["x", "y", "z"])
    moved = ants.apply_transforms_to_points(3, world, transforms).to_numpy()[:, :3]
    ours_world = move_points(u, points) @ to_world.T + origin
    np.testing.assert_allclose(ours_world, moved, atol=1e-3)


def test_syn_finds_a_known_shift_and_repeats_itself():
    moving, _ = template()
    fixed = np.roll(moving, 2, axis=1)  # fixed(x) = moving(x - 2)
    options = {"kind": "syn", "metric": "meansquares", "iterations": [40, 20]}
    u = syn(moving, fixed, SPACING, options)
    edge = np.abs(np.gradient(fixed, axis=1)) > 0.1  # elsewhere nothing tells the shift
    assert u.shape == (3, *SHAPE)
    assert -2.5 < u[1][edge].mean() < -1
    assert abs(u[0][edge].mean()) < 0.3
    np.testing.assert_array_equal(u, syn(moving, fixed, SPACING, options))
    with pytest.raises(InputError, match="iteration"):
        syn(moving, fixed, SPACING, {"iteration": [1]})
    with pytest.raises(InputError, match="NCC"):
        syn(moving, fixed, SPACING, {"metric": "NCC"})


def test_syn_method_beats_identity(cohort, tmp_path):
    options = {"kind": "syn", "radius": 1, "iterations": [20, 10]}
    floor, ours = job(cohort, "identity"), job(cohort, options, max_pairs=1)
    predict(floor, None, tmp_path / "floor")
    predict(ours, None, tmp_path / "syn")
    rows = score(ours, tmp_path / "syn")
    case = rows[0]["case"]
    low, high = table(score(floor, tmp_path / "floor"), case), table(rows)
    assert high["dice", "mean"] > low["dice", "mean"] + 0.1
    assert high["hd95", "mean"] < low["hd95", "mean"]
    assert high["seconds", ""] > 0
    assert high["pct_fold", ""] < 0.5


# --- predict and score -----------------------------------------------------------------------------


def test_controls_bracket(cohort, tmp_path):
    for kind in ("identity", "truth"):
        predict(job(cohort, kind), None, tmp_path / kind)
    assert not list((tmp_path / "truth").glob("*.npz"))
    cases = json.loads((tmp_path / "identity" / "cases.json").read_text())
    assert [(c["case"], c["moving"], c["fixed"]) for c in cases] == [
        ("atlas-to-001", 0, 1),
        ("atlas-to-002", 0, 2),
    ]
    low = table(score(job(cohort, "identity"), tmp_path / "identity"), "atlas-to-001")
    high = table(score(job(cohort, "truth"), tmp_path / "truth"), "atlas-to-001")
    assert high["dice", "mean"] == high["dice", "spot"] == 1
    assert high["hd95", "mean"] == high["tre", ""] == 0
    assert not {("sdlogj", ""), ("pct_fold", ""), ("seconds", "")} & set(high)
    assert low["dice", "mean"] < 0.9
    assert low["hd95", "mean"] > 0.5
    assert low["tre", ""] > 0.5
    assert low["pct_fold", ""] == low["ndv", ""] == low["sdlogj", ""] == 0
    assert ("seconds", "") not in low
    assert ("dice", "nowhere") not in low
    own, target = (np.load(cohort[0] / "labels.npy")[row] for row in (0, 1))
    expected = 2 * ((own == 3) & (target == 3)).sum() / ((own == 3).sum() + (target == 3).sum())
    assert low["dice", "spot"] == pytest.approx(expected)


def test_the_true_field_scores_perfectly_and_its_negative_does_not(cohort, tmp_path, monkeypatch):
    weights = tmp_path / "weights.safetensors"
    from mlmi2023.training.loop.weights import save_weights

    results = {}
    for sign in (1, -1):
        net = Known(np.zeros((3, *SHAPE), np.float32))
        monkeypatch.setattr(model, "build_net", lambda options, shape, net=net: net)
        save_weights(Known(sign * cohort[1][1]), weights)
        learned = job(cohort, "learned")
        predict(learned, weights, tmp_path / str(sign))
        assert net.calls == 3  # two pairs and a warm-up
        rows = score(learned, tmp_path / str(sign))
        results[sign] = table(rows, "atlas-to-001")
    good, bad = results[1], results[-1]
    assert good["dice", "mean"] > 0.99
    assert good["tre", ""] < 0.01
    assert bad["dice", "mean"] < 0.75
    assert bad["tre", ""] > 2
    assert good["seconds", ""] > 0
    first = {key: rows[0][key] for key in rows[0] if key not in ("case", "value")}
    assert first == {
        "dataset": "tiny",
        "setting": "",
        "method": "m",
        "seed": 5,
        "fold": 0,
        "label": "mean",
        "metric": "dice",
    }
    stored = np.load(tmp_path / "1" / "atlas-to-001.npz")["displacement"]
    assert stored.dtype == np.float16
    assert stored.shape == (3, *SHAPE)


def test_a_real_network_predicts_the_same_twice(cohort, tmp_path):
    options = {"kind": "learned", "encoder": {"kind": "voxelmorph"}}
    torch.manual_seed(0)
    from mlmi2023.training.loop.weights import save_weights

    net = model.build_net(options, SHAPE)
    with torch.no_grad():  # registration networks start at the identity; shake it
        for parameter in net.parameters():
            parameter.add_(0.02 * torch.randn(parameter.shape))
    save_weights(net, tmp_path / "w.safetensors")
    learned = job(cohort, options, kind="inter_patient", metrics=["dice", "pct_fold"])
    fields = []
    for run in "ab":
        predict(learned, tmp_path / "w.safetensors", tmp_path / run)
        fields.append(np.load(tmp_path / run / "001-to-002.npz")["displacement"])
    np.testing.assert_array_equal(*fields)
    assert np.abs(fields[0]).max() > 1e-3
    assert {r["metric"] for r in score(learned, tmp_path / "a")} == {"dice", "pct_fold"}


def test_a_folded_field_is_measured(cohort, tmp_path):
    """A brain that a fifth of the grid holds: its volume counts there, its voxels in the whole grid."""
    identity = job(cohort, "identity")
    predict(identity, None, tmp_path / "p")
    u = np.zeros((3, *SHAPE), np.float16)
    u[0, 10:14] = -4 * np.arange(4)[:, None, None]
    np.savez_compressed(tmp_path / "p" / "atlas-to-001.npz", displacement=u)
    inside = table(score(identity, tmp_path / "p"), "atlas-to-001")
    grid = table(score(job(cohort, "identity", ndv_region="grid"), tmp_path / "p"), "atlas-to-001")
    assert grid["pct_fold", ""] == inside["pct_fold", ""] > 5
    moving = np.load(cohort[0] / "labels.npy")[0] > 0
    assert inside["ndv", ""] == pytest.approx(digital_folding(u, moving).ndv)
    assert grid["ndv", ""] == pytest.approx(digital_folding(u).ndv)
    assert inside["ndv", ""] > grid["ndv", ""] > 5
    assert grid["sdlogj", ""] > 0


def test_what_a_cohort_lacks_is_left_out(cohort, tmp_path):
    import shutil

    bare = tmp_path / "bare"
    shutil.copytree(cohort[0], bare)
    about = json.loads((bare / "cohort.json").read_text()) | {"labels": {}, "landmarks": []}
    seal(bare, about, "")
    identity = job((bare,), "identity")
    predict(identity, None, tmp_path / "p")
    assert {r["metric"] for r in score(identity, tmp_path / "p")} == {"sdlogj", "pct_fold"}
    grid = job((bare,), "identity", ndv_region="grid")
    assert {r["metric"] for r in score(grid, tmp_path / "p")} == {"sdlogj", "pct_fold", "ndv"}


def test_some_labels_only(cohort, tmp_path):
    some = job(cohort, "identity", labels=[2, 3], metrics=["dice"])
    predict(some, None, tmp_path / "p")
    found = table(score(some, tmp_path / "p"), "atlas-to-001")
    assert found["dice", "mean"] == pytest.approx((found["dice", "core"] + found["dice", "spot"]) / 2)
    assert set(found) == {("dice", "mean"), ("dice", "core"), ("dice", "spot")}


def test_bad_input_is_named(cohort, tmp_path):
    with pytest.raises(InputError, match=r"m\.kind.*'best'"):
        predict(job(cohort, "best"), None, tmp_path / "x")
    with pytest.raises(InputError, match="weights"):
        predict(job(cohort, "learned"), None, tmp_path / "x")
    with pytest.raises(InputError, match="no test pairs"):
        predict(job(cohort, "identity", kind="inter_patient", max_pairs=0), None, tmp_path / "x")
    with pytest.raises(InputError, match="T2w"):
        predict(job(cohort, "identity", fixed="T2w"), None, tmp_path / "x")
    assert not (tmp_path / "x").exists()
    predict(job(cohort, "identity"), None, tmp_path / "p")
    with pytest.raises(InputError, match=r"task\.labels names 77"):
        score(job(cohort, "identity", labels=[77]), tmp_path / "p")
    with pytest.raises(InputError, match="iou"):
        score(job(cohort, "identity", metrics=["iou"]), tmp_path / "p")
    (tmp_path / "p" / "atlas-to-001.npz").write_bytes(b"PK broken")
    with pytest.raises(InputError, match=r"atlas-to-001\.npz"):
        score(job(cohort, "identity"), tmp_path / "p")


def test_a_diverged_network_writes_nothing(cohort, tmp_path, monkeypatch):
    from mlmi2023.training.loop.weights import save_weights

    field = np.zeros((3, *SHAPE), np.float32)
    monkeypatch.setattr(model, "build_net", lambda options, shape: Known(field))
    far = field.copy()
    far[1, 3, 3, 3] = 1e30
    save_weights(Known(far), tmp_path / "w.safetensors")
    with pytest.raises(InputError, match="NaN"):
        predict(job(cohort, "learned"), tmp_path / "w.safetensors", tmp_path / "out")
    assert not (tmp_path / "out").exists()
