"""From a packed pool to scores and figures; who sees which labels; when training ends; the choice."""

from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import pytest
import torch

from mlmi2023.core.errors import InputError
from mlmi2023.core.json_files import read_object
from mlmi2023.core.tidy import read_metrics
from mlmi2023.papers.ocm_vit.cases import PoolCases, in_size, sized_masks, three
from mlmi2023.papers.ocm_vit.evaluate import predict, score
from mlmi2023.papers.ocm_vit.pretraining import bounds
from mlmi2023.papers.ocm_vit.train import plan
from mlmi2023.tasks import segmentation
from mlmi2023.tasks.chain import draw, evaluate, train
from mlmi2023.training.loop.weights import read_weights
from ocm_vit_data import MIM, OPTIONS, USES, job

NAMES = {name: name for name in OPTIONS}


@cache
def ran(method):
    """Train, predict and score a method; return the folder of all it leaves, and its weights."""
    place = Path(mkdtemp(prefix="ocm-vit-run-"))
    used = {}
    if method in USES:
        below, weights = ran(USES[method])
        used = {USES[method]: (below / "predictions", weights)}
    previous = ran("ours_unsup")[1] if method in ("vit_ft", "vit_lp") else None
    own, weights = job(method, used, previous), None
    if OPTIONS[method]["kind"] == "learned":
        train(own, place / "runs", place / "main")
        weights = place / "main/weights.safetensors"
    evaluate(own, weights, place / "predictions", place / "scores.csv")
    return place, weights


def values(method, metric):
    found = read_metrics(ran(method)[0] / "scores.csv")
    return found[found["metric"] == metric]["value"].to_numpy()


def test_every_row_goes_from_images_to_scores():
    for method in OPTIONS:
        found = read_metrics(ran(method)[0] / "scores.csv")
        whole = {"dc", "ji", "dc_repo"}
        assert set(found["metric"]) - {"dc_choice"} == whole, method
        assert (found["metric"] == "dc").sum() == 3
        dice, jaccard = values(method, "dc"), values(method, "ji")
        assert np.allclose(jaccard, dice / (2 - dice))
    assert (values("truth", "dc") == 1).all() and (values("background", "dc") == 0).all()
    assert (values("otsu", "dc") > 0.2).all() and values("truth", "dc_repo").max() < 0.7
    for method in ("ours_unsup", "ours_semisup"):
        assert len(values(method, "dc_choice")) == 1


def test_curves_say_whether_a_network_has_learned():
    names = {"ours_unsup": "val_l1", "dino": "val_match", "stego": "val_correspondence"}
    names |= {"picie": "val_agreement", "pgt_unet": "val_dice", "unet_30": "val_dice", "vit_lp": "val_dice"}
    for method, name in names.items():
        said = read_object(ran(method)[0] / "main/train.json", {})["learned"]
        assert said["measure"] == name and said["before"] is not None and said["status"] != "not known", (
            method
        )
    said = read_object(ran("ours_unsup")[0] / "main/train.json", {})["learned"]
    cases = PoolCases(job(), encoder=True)
    floor, ceiling = bounds(cases.seen(cases.rows("pool")), cases.seen(cases.rows("held")))
    assert said["floor"] <= floor and said["ceiling"] == ceiling
    said = read_object(ran("stego")[0] / "main/train.json", {})["learned"]
    assert said["ceiling"] < said["end"] and said["ceiling"] < 0


def test_a_masked_model_lies_between_one_grey_and_an_image_without_noise():
    held = np.full((1, 9, 9), 30, np.uint8)
    held[0, 4, 4], held[0, :, 7:] = 200, 90
    floor, ceiling = bounds(np.array([[[10, 30, 90]]], np.uint8), held)
    assert floor == pytest.approx((170 + 18 * 60) / 81 / 255) and ceiling == pytest.approx(170 / 81 / 255)


def test_nothing_is_learned_on_tested_images():
    cases = PoolCases(job())
    parts = {part: cases.rows(part) for part in ("pool", "held", "train", "val", "test")}
    assert {part: len(rows) for part, rows in parts.items()} == {
        "pool": 18, "held": 2, "train": 4, "val": 2, "test": 3
    }  # fmt: skip
    assert len({row for rows in parts.values() for row in rows}) == 29
    assert not cases.cohort.masks[parts["pool"] + parts["held"]].any()
    assert [len(cases.learned(share)) for share in (0.1, 0.3, 0.5, 1.0)] == [1, 1, 2, 4]
    made = plan(job("unet_30"))
    assert len(made.train) == 1 and len(made.module.source.images) == 3
    assert np.array_equal(made.module.source.masks[0].numpy(), cases.truth(parts["train"][0]))


def test_the_pool_is_learned_with_the_masks_that_were_found():
    own, _ = ran("ours_unsup")
    cases = PoolCases(job())
    found = segmentation.read_case(own / "predictions", cases, cases.rows("pool")[3])["labels"]
    made = plan(job("pgt_unet", {"ours_unsup": (own / "predictions",)}))
    assert len(made.train) == 18 and np.array_equal(made.module.source.masks[3].numpy(), found)
    seen = made.module.source({"row": torch.tensor([3])}, True)[0]
    assert torch.allclose(seen, three(torch.from_numpy(cases.seen([cases.rows("pool")[3]]))[:, None].float()))
    without = ran("untrained")[0] / "predictions"
    with pytest.raises(InputError, match="set pool: true"):
        plan(job("pgt_unet", {"untrained": (without,)}))
    with pytest.raises(InputError, match="name the one method whose masks"):
        plan(job("pgt_unet"))


def test_a_probe_leaves_the_encoder_as_it_was_and_fine_tuning_does_not():
    before = read_weights(ran("ours_unsup")[1])
    for method, same in (("vit_lp", True), ("vit_ft", False)):
        after = read_weights(ran(method)[1])
        kept = [torch.equal(after[name], before[name]) for name in after if name.startswith("vit.")]
        assert all(kept) == same and len(kept) > 20, method
    with pytest.raises(InputError, match="begin with 'pretrain'"):
        plan(job("vit_ft"))
    wide = {**OPTIONS["vit_ft"], "net": {**OPTIONS["vit_ft"]["net"], "width": 8}}
    with pytest.raises(InputError, match="no encoder of these sizes"):
        plan(job("vit_ft", previous=ran("ours_unsup")[1], method_options=wide))


def test_stego_learns_on_the_encoder_of_dino():
    dino, stego = read_weights(ran("dino")[1]), read_weights(ran("stego")[1])
    assert all(torch.equal(stego[name], dino[name]) for name in stego if name.startswith("vit."))


def test_pretraining_ends_early_and_gives_the_same_weights_again(tmp_path):
    stop = {"rule": "change", "change": 10.0, "epochs": 2}
    keys = {"method_options": {**MIM, "stop": stop}, "train": {"steps": 20, "warmup": 2}}
    made = train(job(**keys), tmp_path / "runs", tmp_path / "whole")
    curve = (tmp_path / "whole/curve.csv").read_text().splitlines()
    # two epochs of two steps settle after the one in which the rate rises
    assert len(curve) - 2 == 3 and made["steps"] == 20
    again = train(job(**keys), tmp_path / "runs2", tmp_path / "again")
    assert again["weights_hash"] == made["weights_hash"]


def test_the_choice_is_made_on_labelled_training_images(tmp_path):
    cases = PoolCases(job())
    folders = {}
    for name, choice, labels in (("good", 0.2, np.ones), ("bad", 0.9, np.zeros)):
        kept = ((row, {"labels": labels((32, 32), np.uint8)}) for row in cases.rows("test"))
        segmentation.write(tmp_path / name, cases, kept, {"dc_choice": choice})
        folders[name] = (tmp_path / name,)
    own = job("ours_semisup", folders)
    predict(own, None, tmp_path / "chosen")
    assert segmentation.read_about(tmp_path / "chosen")["chosen"] == "bad"
    assert [v.value for v in score(own, tmp_path / "chosen") if v.metric == "dc"] == [0.0] * 3
    # the Dice that chooses is that of the first labelled training images, whatever is tested
    run = ran("ours_unsup")[0]
    said = segmentation.read_about(run / "predictions")["dc_choice"]
    other = replace(job(), task={"kind": "pool", "choose": 1})
    predict(other, ran("ours_unsup")[1], tmp_path / "one")
    assert segmentation.read_about(tmp_path / "one")["dc_choice"] != said
    without = replace(job(), task={"kind": "pool", "choose": 0})
    predict(without, ran("ours_unsup")[1], tmp_path / "none")
    with pytest.raises(InputError, match=r"task\.choose"):
        predict(job("ours_semisup", {"ours_unsup": (tmp_path / "none",)}), None, tmp_path / "x")


def test_weightings_share_one_attention_and_differ(tmp_path):
    run = ran("ours_unsup")[0] / "predictions"
    cases = PoolCases(job())
    row = cases.rows("test")[0]
    kept = segmentation.read_case(run, cases, row)
    assert kept["attention"].shape == (2, 4, 4) and np.allclose(kept["attention"].sum((1, 2)), 1)
    blend = segmentation.read_case(ran("ours_blend")[0] / "predictions", cases, row)
    assert np.array_equal(blend["attention"], kept["attention"])
    assert not np.array_equal(blend["labels"], kept["labels"])
    own = job("ours_blend", {"otsu": (ran("otsu")[0] / "predictions",)})
    with pytest.raises(InputError, match="has kept no attention"):
        predict(own, None, tmp_path / "x")


def test_labels_that_are_shifted_cost(tmp_path):
    cases = PoolCases(job())
    kept = ((row, {"labels": np.roll(cases.truth(row), 3, 1)}) for row in cases.rows("test"))
    segmentation.write(tmp_path / "moved", cases, kept, {})
    assert np.mean([v.value for v in score(job("truth"), tmp_path / "moved") if v.metric == "dc"]) < 0.8


def test_sizes_may_differ_between_encoders_segmenters_and_the_cohort(tmp_path):
    task = {"kind": "pool", "choose": 0, "encoder_size": [16, 16], "size": [48, 48]}
    mim = job(task=task)
    train(mim, tmp_path / "runs", tmp_path / "mim")
    predict(mim, tmp_path / "mim/weights.safetensors", tmp_path / "p")
    cases = PoolCases(mim)
    assert segmentation.read_case(tmp_path / "p", cases, cases.rows("test")[0])["attention"].shape == (
        2,
        2,
        2,
    )
    probe = job("vit_lp", previous=tmp_path / "mim/weights.safetensors", task=task)
    train(probe, tmp_path / "runs", tmp_path / "probe")
    predict(probe, tmp_path / "probe/weights.safetensors", tmp_path / "q")
    assert {v.metric for v in score(probe, tmp_path / "q")} == {"dc", "ji", "dc_repo"}
    image = np.zeros((1, 8, 8), np.uint8)
    image[:, :, 4:] = 200
    assert in_size(image, (4, 4)).shape == (1, 4, 4) and np.array_equal(in_size(image, (8, 8)), image)
    assert np.array_equal(sized_masks(image > 0, (4, 4)), in_size(image, (4, 4)) > 100)


def test_figures_are_drawn(tmp_path):
    figures = {
        "fig2": ["ours_unsup"],
        "fig3": ["otsu", "ours_unsup", "pgt_unet"],
        "fig_grid": ["ours_unsup", "ours_semisup"],
        "fig_labels": ["unet_30", "pgt_unet", "otsu"],
        "fig_dice": ["otsu", "unet_30"],
    }
    for figure, methods in figures.items():
        draw(
            figure,
            {method: job(method) for method in methods},
            {method: ran(method)[1] for method in methods if ran(method)[1]},
            {method: ran(method)[0] / "predictions" for method in methods},
            NAMES,
            tmp_path / figure,
        )
        assert (tmp_path / f"{figure}.png").stat().st_size > 3000
    otsu = {"otsu": ran("otsu")[0] / "predictions"}
    for figure, says in (("fig2", "kept no attention"), ("fig_grid", "hides"), ("fig_labels", "U-Net")):
        with pytest.raises(InputError, match=says):
            draw(figure, {"otsu": job("otsu")}, {}, otsu, NAMES, tmp_path / "x")
