"""Training, prediction, scores and figures on a few tiny images; the release's use of the truth."""

from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import binary_dilation, binary_erosion, binary_fill_holes

from mlmi2023.cohorts.forms.images import form
from mlmi2023.cohorts.sources.make import make_cohort
from mlmi2023.core.config import Settings
from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.core.merging import merge
from mlmi2023.core.tidy import read_metrics
from mlmi2023.core.yaml_files import read_yaml
from mlmi2023.metrics.segmentation import count, pooled
from mlmi2023.papers.skin_transformer.evaluate import predict, score
from mlmi2023.papers.skin_transformer.release import after_release
from mlmi2023.tasks.chain import draw, evaluate, train
from mlmi2023.tasks.segmentation import Resized, pairs

ROOT = Path(__file__).parents[3]
SLUG = "skin_transformer"
SMALL = {"name": "skin_transformer", "widths": [8, 12, 16], "blocks": [1, 1, 1], "scales": [1, 2, 3]}


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("skin")
    setup = read_yaml(ROOT / "config/cohorts/dermoscopy_2018.yaml")["all"]
    setup = merge(setup, {"subjects": {"train": 12, "val": 3, "test": 4}, "options": {"size": 48}})
    make_cohort(setup, folder / "raw", 1)
    form.pack(setup, folder / "raw", folder / "packed", "skin")
    return folder / "packed"


@pytest.fixture(scope="module")
def settings():
    config = merge(read_yaml(ROOT / "config/config.yaml"), {"scale": "demo", "papers": [SLUG]})
    return Settings(config, ROOT)


def job_for(settings, packed, method, **options):
    paper = settings.paper(SLUG)
    own = dict(settings.options(SLUG, "isic2018", method))
    schedule = settings.schedule(SLUG, "isic2018", method) if own["kind"] == "learned" else {}
    if schedule:
        schedule = {**schedule, "steps": 4, "epoch_steps": 2, "batch": 4}
    task = {**paper["datasets"]["isic2018"]["task"], "size": [32, 32]}
    if own.get("size"):
        own["size"] = [48, 48]
    return Job(
        paper=SLUG, dataset="isic2018", method=method, seed=0, data=packed, task=task,
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


def test_every_network_of_the_tables_trains_and_is_scored(settings, packed, tmp_path):
    methods = settings.paper(SLUG)["datasets"]["isic2018"]["methods"]
    for method in [m for m in methods if settings.options(SLUG, "isic2018", m)["kind"] == "learned"]:
        job = job_for(settings, packed, method)
        rows = run(job, tmp_path)
        known = ("test_epoch", "release") if method == "iscf_test" else ("honest", "truth_blobs")
        assert set(rows["setting"]) == {f"protocol={p}" for p in known}, method
        assert value(rows, "params", f"protocol={known[0]}") > 10, method  # of the paper's size
        assert 0 <= value(rows, "dsc", f"protocol={known[0]}") <= 1
        assert len(rows[rows["metric"] == "dsc_image"]) == 8
    shown = {
        "fig3": ["unet", "iscf"],
        "fig_protocol": ["iscf", "iscf_test"],
        "fig_size": ["no_iscf", "iscf_384"],
    }
    for figure, of in shown.items():
        jobs = {m: job_for(settings, packed, m) for m in of}
        folders = {m: tmp_path / m / "predictions" for m in of}
        draw(figure, jobs, {}, folders, {m: m for m in of}, tmp_path / figure)
        assert (tmp_path / f"{figure}.png").stat().st_size > 2000 and (tmp_path / f"{figure}.svg").exists()


def test_a_method_repeats_and_learns(settings, packed, tmp_path):
    job = job_for(settings, packed, "iscf", net=SMALL)
    first = run(job, tmp_path / "a")
    again = run(job, tmp_path / "b")
    assert first.equals(again)


def test_controls_bracket_and_the_prior_is_one_mask(settings, packed, tmp_path):
    truth = run(job_for(settings, packed, "truth"), tmp_path)
    assert [value(truth, m) for m in ("dsc", "se", "sp", "acc", "dsc_image")] == [1.0] * 5
    floor = run(job_for(settings, packed, "background"), tmp_path)
    assert value(floor, "dsc") == 0 and value(floor, "sp") == 1 and value(floor, "dsc_image") == 0
    job = job_for(settings, packed, "prior")
    prior = run(job, tmp_path)
    assert 0.2 < value(prior, "dsc") < 0.95
    masks = [pair.found for pair in pairs(tmp_path / "prior/predictions", Resized(job))]
    assert masks[0].any() and all((mask == masks[0]).all() for mask in masks)


def test_scores_follow_the_answer(settings, packed, tmp_path):
    """A mask that is mirrored or turned inside out must cost; pooled values are those of all pixels."""
    job = job_for(settings, packed, "truth")
    predict(job, None, tmp_path / "p")
    right = list(pairs(tmp_path / "p", Resized(job)))
    for name, change in (("shifted", lambda m: np.roll(m, 12, axis=1)), ("inverted", lambda m: 1 - m)):
        folder = tmp_path / name
        folder.mkdir()
        for pair in right:
            np.savez(folder / f"{pair.case}.npz", labels=change(pair.found))
        dice = float(np.mean([v.value for v in score(job, folder) if v.metric == "dsc"]))
        assert dice < 0.8, name
        assert dice == pytest.approx(pooled(count(change(p.found), p.truth) for p in right)["dice"])
    np.savez(tmp_path / "p" / f"{right[0].case}.npz", labels=right[0].found[:9])
    with pytest.raises(InputError, match=r"no labels of .* in its shape"):
        list(score(job, tmp_path / "p"))


def disc(size, row, column, radius):
    y, x = np.mgrid[:size, :size]
    return (y - row) ** 2 + (x - column) ** 2 < radius**2


def test_the_release_lets_the_truth_choose():
    truth = disc(224, 110, 110, 50)
    stray = disc(224, 190, 40, 25)
    logits = np.where(disc(224, 110, 110, 44) | stray, 5.0, -5.0)
    honest = logits > 0
    chosen = after_release(logits, truth)

    def dice(mask):
        return pooled([count(mask.astype(np.uint8), truth.astype(np.uint8))])["dice"]

    # the stray blob goes, and the lesion is grown towards the truth
    assert not (chosen & stray).any() and dice(chosen) > dice(honest) + 0.1 and dice(chosen) > 0.93
    # with another truth the same answer gives another mask: it was not the network that chose
    other = after_release(logits, stray)
    assert (other & stray).any() and not (other & disc(224, 110, 110, 20)).any()
    # a probability between 0.5 and 0.596 is no lesion to the release
    assert not after_release(np.where(truth, 0.3, -5.0), np.zeros_like(truth)).any()


def test_a_hole_is_closed_before_the_choice():
    truth = disc(224, 110, 110, 50)
    logits = np.where(truth & ~disc(224, 110, 110, 10), 5.0, -5.0)
    assert after_release(logits, truth)[110, 110]


def test_the_closing_erodes_from_the_images_border():
    """A lesion that is cut off by the border loses there what two erosions by five pixels take."""
    lesion = np.zeros((224, 224), bool)
    lesion[:60, 80:140] = True
    logits = np.where(lesion, 5.0, -5.0)
    expected = lesion.copy()
    expected[:2] = False
    # with an empty truth nothing can be better than the whole answer
    assert np.array_equal(after_release(logits, np.zeros_like(lesion)), expected)


def test_what_touches_the_outside_at_a_corner_is_no_hole():
    ring = disc(224, 60, 60, 30) & ~disc(224, 60, 60, 22)
    # four walls around a field; the right one and the lower one meet at a corner once they are dilated
    walls = np.zeros_like(ring)
    walls[100:140, 100:110] = walls[100:110, 100:140] = walls[130:140, 100:130] = walls[100:126, 134:144] = (
        True
    )
    square = np.ones((5, 5))
    assert binary_fill_holes(binary_dilation(walls, square))[120, 120], (
        "by neighbours of a pixel's four sides"
    )
    for mask, middle, filled in ((ring, (60, 60), True), (walls, (120, 120), False)):
        found = after_release(np.where(mask, 5.0, -5.0), np.zeros_like(mask))
        expected = binary_fill_holes(binary_dilation(mask, square), np.ones((4, 4)))
        assert np.array_equal(found, binary_erosion(expected, square)) and found[middle] == filled


def test_the_epoch_comes_from_the_named_split(settings, packed):
    from mlmi2023.papers.skin_transformer.train import plan

    data = Resized(job_for(settings, packed, "iscf"))
    for method, split in (("iscf", "val"), ("iscf_test", "test")):
        found = plan(job_for(settings, packed, method, net=SMALL))
        assert found.val.rows.tolist() == data.rows(split)
        assert sorted(found.train.rows) == data.rows("train")
    with pytest.raises(InputError, match="val or test"):
        plan(job_for(settings, packed, "iscf", net=SMALL, select_on="train"))
