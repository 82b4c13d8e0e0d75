"""Training, prediction, scores and figures on a few tiny B-scans; copies on all sides."""

import numpy as np
import pytest

from bad_inputs import said
from mlmi2023.cohorts.forms.images import form
from mlmi2023.cohorts.sources.make import make_cohort
from mlmi2023.core.config import Settings
from mlmi2023.core.jobs import Job
from mlmi2023.core.merging import merge
from mlmi2023.core.tidy import read_metrics
from mlmi2023.core.yaml_files import read_yaml
from mlmi2023.papers.mcnv_oct.copies import Copies, symmetries
from mlmi2023.papers.mcnv_oct.evaluate import predict, score
from mlmi2023.papers.mcnv_oct.figures import largest_error
from mlmi2023.papers.mcnv_oct.train import plan
from mlmi2023.tasks.chain import draw, evaluate, train
from mlmi2023.tasks.segmentation import Resized, pairs
from preflight_root import ROOT

SLUG = "mcnv_oct"
NET = {
    "features": [4, 6, 8], "depths": [1, 1, 1], "widths": [4, 6, 8, 12], "heads": [1, 1, 2, 2],
    "hidden": 12, "hidden_heads": 2, "layers": 1,
}  # fmt: skip


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("oct")
    setup = read_yaml(ROOT / "config/cohorts/oct_mcnv.yaml")["all"]
    setup = merge(setup, {"subjects": {"train": 4, "val": 1, "test": 2}, "options": {"size": 32, "scans": 3}})
    make_cohort(setup, folder / "raw", 1)
    form.pack(setup, folder / "raw", folder / "packed", "oct")
    return folder / "packed"


@pytest.fixture(scope="module")
def settings():
    config = merge(read_yaml(ROOT / "config/config.yaml"), {"scale": "demo", "papers": [SLUG]})
    return Settings(config, ROOT)


def job_for(settings, packed, method, seed=0, **options):
    own = dict(settings.options(SLUG, "duke", method))
    schedule = settings.schedule(SLUG, "duke", method) if own["kind"] == "learned" else {}
    if schedule:
        schedule = {**schedule, "steps": 2, "epoch_steps": 1, "batch": 4}
        if own["net"]["name"] == "parallel_net":
            own["net"] = {**own["net"], **NET}
    task = {**settings.paper(SLUG)["datasets"]["duke"]["task"], "size": [32, 32]}
    return Job(
        paper=SLUG, dataset="duke", method=method, seed=seed, data=packed, task=task,
        method_options={**own, **options}, train=schedule, device="cpu",
    )  # fmt: skip


def run(job, out):
    weights = None
    if job.train:
        train(job, out / "runs", out / job.method / "model")
        weights = out / job.method / "model/weights.safetensors"
    evaluate(job, weights, out / job.method / "predictions", out / job.method / "scores.csv")
    return read_metrics(out / job.method / "scores.csv")


def value(rows, metric, setting=""):
    return float(rows[(rows["metric"] == metric) & (rows["setting"] == setting)]["value"].mean())


def test_honest_and_leaky_rows_train_and_are_scored(settings, packed, tmp_path):
    honest = run(job_for(settings, packed, "proposed"), tmp_path)
    assert set(honest["setting"]) == {""} and len(honest[honest["metric"] == "dice_image"]) == 6
    assert abs(value(honest, "gap")) < 1e-9 and value(honest, "gap_image") > -1e-9
    leaky = run(job_for(settings, packed, "proposed_leaky"), tmp_path)
    assert set(leaky["setting"]) == {"tested=copies", "tested=patients"}
    patients = leaky[(leaky["setting"] == "tested=patients") & (leaky["metric"] == "dice")]
    assert set(patients["case"]) == set(honest[honest["metric"] == "dice"]["case"])
    copies = leaky[(leaky["setting"] == "tested=copies") & (leaky["metric"] == "dice")]["case"]
    assert len(copies) == 12 and all("_copy" in case for case in copies)
    for figure, of in (
        ("fig4_duke", ["proposed"]),
        ("fig_pairs", ["proposed"]),
        ("fig_protocol", ["proposed", "proposed_leaky"]),
    ):
        jobs = {m: job_for(settings, packed, m) for m in of}
        draw(
            figure,
            jobs,
            {},
            {m: tmp_path / m / "predictions" for m in of},
            {m: m for m in of},
            tmp_path / figure,
        )
        assert (tmp_path / f"{figure}.png").stat().st_size > 2000


def test_controls_bracket(settings, packed, tmp_path):
    truth = run(job_for(settings, packed, "truth"), tmp_path)
    for metric in ("dice", "iou", "acc", "sp", "se"):
        assert value(truth, metric) == value(truth, f"{metric}_image") == 100
    floor = run(job_for(settings, packed, "background"), tmp_path)
    assert value(floor, "dice") == value(floor, "se") == 0 and value(floor, "sp") == 100
    assert 90 < value(floor, "acc") < 100


def test_scores_follow_the_answer(settings, packed, tmp_path):
    job = job_for(settings, packed, "truth")
    predict(job, None, tmp_path / "p")
    (tmp_path / "shifted").mkdir()
    for pair in pairs(tmp_path / "p", Resized(job)):
        np.savez(tmp_path / "shifted" / f"{pair.case}.npz", labels=np.roll(pair.found, 6, axis=0))
    dice = [v.value for v in score(job, tmp_path / "shifted") if v.metric == "dice"]
    assert np.mean(dice) < 40


def test_the_copies_of_a_square_are_eight():
    image = np.arange(16).reshape(1, 4, 4)
    copies = symmetries(image)
    assert len({copy.tobytes() for copy in copies}) == 8 and np.array_equal(copies[0], image[0])
    both = symmetries(np.stack([image[0], 100 + image[0]]))
    assert both.shape == (16, 4, 4) and both[:8].max() == 15 and both[8:].min() == 100
    # an image and its mask move alike
    assert np.array_equal(symmetries(image > 5), copies > 5)


def test_copies_of_one_image_are_on_all_sides_and_tested_patients_on_none(settings, packed):
    job = job_for(settings, packed, "proposed_leaky")
    cases, honest = Copies(job), Resized(job)
    parts = {part: cases.rows(part) for part in ("train", "val", "test")}
    copies = [row for row in parts["test"] if row >= cases.first]
    assert (len(parts["train"]), len(parts["val"]), len(copies)) == (96, 12, 12)
    assert [row for row in parts["test"] if row < cases.first] == honest.rows("test")
    seen = {cases.name(row).rsplit("_copy", 1)[0] for row in parts["train"]}
    tested = {honest.name(row) for row in honest.rows("test")}
    assert not seen & tested and all(cases.name(row).rsplit("_copy", 1)[0] in seen for row in copies)
    everyone = [cases.name(row) for part in parts.values() for row in part]
    assert len(set(everyone)) == len(everyone)
    row = copies[0]
    number = (row - cases.first) % 8
    source = cases.seen[(row - cases.first) // 8]
    assert np.array_equal(cases.truth(row), symmetries(honest.masks[source][None])[number])
    assert np.array_equal(cases.inputs(row)[0], symmetries(honest.images[source][None])[number])
    # the split is the protocol's, not the training's
    assert Copies(job_for(settings, packed, "proposed_leaky", seed=5)).rows("train") == parts["train"]
    other = {**job.task, "copies_seed": 1}
    assert Copies(Job(**{**vars(job), "task": other})).rows("train") != parts["train"]


def test_copies_take_the_place_of_augmentation(settings, packed):
    honest, leaky = (plan(job_for(settings, packed, m)) for m in ("proposed", "proposed_leaky"))
    assert honest.module.source.augment.quarter == 0.75 and leaky.module.source.augment.quarter == 0
    assert len(honest.train) == 12 and len(leaky.train) == 96
    job = job_for(settings, packed, "proposed_leaky")
    wide = Job(**{**vars(job), "task": {**job.task, "size": [32, 48]}})
    said(lambda: plan(wide), "32 x 48", "leaky", "square size")


def test_the_box_is_that_of_the_largest_error():
    truth = np.zeros((10, 10), bool)
    truth[2:4, 2:4] = True
    found = truth.copy()
    found[0, 9] = True
    found[6:9, 1:6] = True
    assert largest_error(found, truth) == (6, 1, 3, 5) and largest_error(truth, truth) is None
