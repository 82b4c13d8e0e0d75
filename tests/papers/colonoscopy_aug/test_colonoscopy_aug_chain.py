"""From packed frames to scores and figures, the choice of p, and what shifted labels cost."""

from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import pytest

from colonoscopy_aug_data import OPTIONS, TASK, job, packed
from domain_data import blinded
from mlmi2023.core.errors import InputError
from mlmi2023.core.tidy import read_metrics
from mlmi2023.papers.colonoscopy_aug.evaluate import predict, score
from mlmi2023.papers.colonoscopy_aug.frames import Frames, view_of
from mlmi2023.tasks import segmentation
from mlmi2023.tasks.chain import draw, evaluate, train

USES = {"masked": ["classifier"]}


@cache
def ran(method, fold=0):
    """Train, predict and score a method; return the folder of all it leaves."""
    place = Path(mkdtemp(prefix="colonoscopy-run-"))
    own = job(method, {name: ran(name, fold) / "predictions" for name in USES.get(method, ())}, fold=fold)
    weights = None
    if OPTIONS[method]["kind"] == "learned":
        train(own, place / "runs", place / "main")
        weights = place / "main/weights.safetensors"
    evaluate(own, weights, place / "predictions", place / "scores.csv")
    return place


def table(method):
    return read_metrics(ran(method) / "scores.csv")


def test_networks_learn_and_are_scored_on_the_left_out_centre():
    view = view_of(job(), "testing")
    tested = {view.names[row] for row in view.parts.test}
    for method in ("masked", "sdnet"):
        found = table(method)
        assert set(found["metric"]) == {"dice", "recall", "accuracy", "dice_source"}
        assert set(found["setting"]) == {"plain"}
        assert set(found[found["metric"] == "dice"]["case"]) == tested
        source = set(found[found["metric"] == "dice_source"]["case"])
        assert source == {view.names[row] for row in view.parts.val} and not source & tested
    controls = {name: table(name) for name in ("background", "truth")}
    dice = {name: t[t["metric"] == "dice"]["value"] for name, t in controls.items()}
    assert (dice["truth"] == 1).all() and set(dice["background"]) <= {0.0, 1.0}
    right = [not Frames(job(), "truth").truth(row).any() for row in view.parts.test]
    assert dice["background"].mean() == pytest.approx(np.mean(right)), "frames without a polyp alone"


def test_a_fold_leaves_out_its_centre_and_the_classifier_knows_the_others():
    view = view_of(job(fold=1), "training")
    assert {view.domains[row] for row in view.parts.test} == {"right"}
    assert {view.domains[row] for row in view.parts.with_labels} == {"left", "plain"}
    found = table("classifier")
    assert {"centre_accuracy", "overlay_iou", "off_tissue", "polyp_attended"} <= set(found["metric"])
    assert set(found["case"]) == {
        view_of(job(), "training").names[r] for r in view_of(job(), "training").parts.val
    }
    with pytest.raises(InputError, match="names 2 centres, and there is a fold 2"):
        view_of(job(fold=2), "training")
    with pytest.raises(InputError, match=r"key task\.overlays names the map 'overlay'"):
        view_of(job(task={**TASK, "overlays": "overlay"}), "training")


def test_same_seed_same_bytes_whatever_the_labels_of_the_left_out_centre(tmp_path):
    view = view_of(job("masked"), "training")
    other = blinded(packed(), view.parts.test, tmp_path / "blinded")
    own = job("masked", {"classifier": ran("classifier") / "predictions"}, data=other)
    train(own, tmp_path / "runs", tmp_path / "main")
    one, two = (place / "main/weights.safetensors" for place in (tmp_path, ran("masked")))
    assert one.read_bytes() == two.read_bytes()


def stored(place, source, labels):
    """Write what a candidate leaves: labels of tested frames, and a Dice on validation frames."""
    frames = Frames(job(), "truth")
    kept = [(row, {"labels": labels(frames.truth(row))}) for row in frames.rows("test")]
    segmentation.write(place, frames, kept, {"parameters": 1, "dice_source": {"v": source}})
    return place


def test_p_is_chosen_on_validation_frames_or_on_the_tested_ones(tmp_path):
    folders = {
        "good": stored(tmp_path / "good", 0.5, lambda truth: truth),
        "bad": stored(tmp_path / "bad", 0.9, lambda truth: np.roll(truth, 12, axis=0)),
    }
    found = {}
    for by in ("validation", "test"):
        options = {"kind": "chosen", "candidates": {"good": 0.4, "bad": 0.6}, "by": by}
        own = job("aug", folders, method_options=options)
        predict(own, None, tmp_path / by)
        values = list(score(own, tmp_path / by))
        found[by] = {m: np.nanmean([v.value for v in values if v.metric == m]) for m in ("p", "dice")}
        assert any(v.metric == "dice_source" for v in values) == (by == "validation")
    assert found["validation"]["p"] == 0.6 and found["test"]["p"] == 0.4
    assert found["test"]["dice"] == 1 > found["validation"]["dice"] + 0.2
    with pytest.raises(InputError, match="'bad' is missing under 'uses'"):
        predict(job("aug", {"good": folders["good"]}, method_options=options), None, tmp_path / "x")


def test_labels_that_are_shifted_cost(tmp_path):
    own = job("truth")
    place = stored(tmp_path / "moved", 0.0, lambda truth: np.roll(truth, 4, axis=1))
    moved = [v.value for v in score(own, place) if v.metric == "dice"]
    assert np.mean(moved) < 0.9


def test_figures_are_drawn(tmp_path):
    names = {"classifier": "Centres", "sdnet": "SDNet", "masked": "UNet"}
    figures = {
        "fig1": ["classifier"],
        "fig3": ["classifier", "sdnet"],
        "fig4": ["masked", "sdnet"],
        "fig_learning": ["masked"],
    }
    for figure, methods in figures.items():
        draw(
            figure,
            {method: job(method) for method in methods},
            {method: ran(method) / "main/weights.safetensors" for method in methods},
            {method: ran(method) / "predictions" for method in methods},
            names,
            tmp_path / figure,
        )
        assert (tmp_path / f"{figure}.png").stat().st_size > 3000
    with pytest.raises(InputError, match="needs the classifier"):
        draw("fig1", {"masked": job("masked")}, {}, {"masked": ran("masked")}, names, tmp_path / "x")


def test_what_cannot_be_used_is_said(tmp_path):
    with pytest.raises(InputError, match="choose learned, chosen, background, truth"):
        evaluate(job("x", method_options={"kind": "guess"}), None, tmp_path / "p", tmp_path / "s.csv")
    with pytest.raises(InputError, match="give the weights"):
        evaluate(job(), None, tmp_path / "p", tmp_path / "s.csv")
