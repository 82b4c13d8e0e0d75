"""From packed hearts to scores and figures; what training may see; resuming with three optimisers."""

from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import pytest
import torch
from PIL import Image

from bad_inputs import said
from echo_myocardium_data import NET, OPTIONS, TASK, job
from mlmi2023.core.files import read_json
from mlmi2023.core.tidy import read_metrics
from mlmi2023.papers.echo_myocardium.cases import SequenceCases, answered
from mlmi2023.papers.echo_myocardium.evaluate import score
from mlmi2023.papers.echo_myocardium.module import ClipTraining
from mlmi2023.papers.echo_myocardium.networks import build
from mlmi2023.papers.echo_myocardium.train import plan
from mlmi2023.tasks import segmentation
from mlmi2023.tasks.chain import draw, evaluate, train


@cache
def ran(method):
    """Train, predict and score a method; return the folder of all it leaves."""
    place = Path(mkdtemp(prefix="hearts-run-"))
    own, weights = job(method), None
    if OPTIONS[method]["kind"] == "learned":
        train(own, place / "runs", place / "main")
        weights = place / "main/weights.safetensors"
    evaluate(own, weights, place / "predictions", place / "scores.csv")
    return place


def test_clips_hold_a_labelled_frame_and_stay_within_a_sequence():
    cases = SequenceCases(job())
    clips = cases.samples("val", None).train
    source, cohort = clips.place, cases.cohort
    torch.manual_seed(0)
    steps, places = set(), set()
    for index in [*range(len(clips))] * 8:
        row, mark = clips.anchors[index]
        frames = clips[index]["frames"] - source[row]
        apart = set(frames.diff().tolist())
        assert len(frames) == 3 and len(apart) == 1 and apart <= {1, 2}, "an interval of 3 does not fit"
        assert frames[0] >= 0 and frames[-1] < cohort.counts[row] and mark in frames.tolist()
        steps |= apart
        places.add(frames.tolist().index(mark))
    assert steps == {1, 2} and {0, 2} <= places
    long = job(task={**TASK, "frames": 7})
    said(lambda: SequenceCases(long).samples("val", None), "clips of 7", "task.frames")


def test_training_sees_labels_of_ed_and_es_alone_and_moves_frames_of_a_clip_together():
    cases = SequenceCases(job())
    source = cases.samples("val", TASK["augment"]).source
    assert (
        source.labels[source.labelled].flatten(1).any(1).all() and not source.labels[~source.labelled].any()
    )
    truth = np.concatenate([cases.truth(row) for row in (*cases.rows("train"), *cases.rows("val"))])
    assert truth[~source.labelled.numpy()].any(), "the cohort has more labels"
    torch.manual_seed(0)
    batch = {"frames": torch.zeros(2, 3, dtype=torch.long), "draw": torch.rand(2, 12)}
    clip, labels, marked = source(batch, True)
    assert torch.equal(clip[:, 0], clip[:, 2]) and torch.equal(labels[:, 0], labels[:, 1]) and marked.all()
    assert not torch.equal(clip[0], clip[1])


def test_every_part_has_its_optimiser_and_only_ours_has_all():
    for method, count in (("u2net", 1), ("socof", 2), ("ours", 3)):
        module = plan(job(method)).module
        made = module.configure_optimizers()
        assert len(made) == count and (module.critic is not None) == (method == "ours")
        held = [id(p) for own in made for group in own["optimizer"].param_groups for p in group["params"]]
        assert len(set(held)) == len(held) == len([*module.parameters()])
    flow = {id(p) for p in module.net.flow.parameters()}
    assert {id(p) for p in made[1]["optimizer"].param_groups[0]["params"]} == flow
    ssam = plan(job("x", method_options={**OPTIONS["ours"], "net": {**NET, "shape": True}})).module
    assert len(ssam.configure_optimizers()) == 2 and ssam.sees_clips


def test_plain_networks_see_labelled_frames_alone():
    module = plan(job("u2net")).module
    seen = []
    module.net.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    module.optimizers = lambda: []
    module.lr_schedulers = lambda: []
    module.manual_backward = lambda loss: None
    frames = torch.tensor([[0, 1, 2], [0, 2, 4]])
    module.training_step({"frames": frames, "draw": torch.full((2, 12), 0.5)}, 0)
    marked = int(module.source.labelled[frames].sum())
    assert seen[0].shape == (marked, 1, 1, 32, 32)


def test_a_killed_run_ends_like_an_unbroken_one(tmp_path, monkeypatch):
    step, seen = ClipTraining.training_step, []

    def stop(self, batch, number):
        if len(seen) == 3:
            raise RuntimeError("killed")
        seen.append(number)
        return step(self, batch, number)

    monkeypatch.setattr(ClipTraining, "training_step", stop)
    with pytest.raises(RuntimeError, match="killed"):
        train(job(), tmp_path / "runs", tmp_path / "main")
    monkeypatch.setattr(ClipTraining, "training_step", step)
    resumed = train(job(), tmp_path / "runs", tmp_path / "main")
    assert resumed["weights_hash"] == read_json(ran("ours") / "main/train.json")["weights_hash"]


@pytest.mark.parametrize("method", [*OPTIONS])
def test_every_method_is_scored_at_ed_and_es(method):
    found = read_metrics(ran(method) / "scores.csv")
    frames = found[found["metric"] == "dice"]
    assert len(frames) == 2 * 2 * 3 and set(frames["case"].str[-3:]) == {"_ED", "_ES"}
    assert set(frames[frames["label"] == "lv-epi"]["setting"]) == {"ED", "ES"}
    assert set(frames[frames["label"] == "lv-myo"]["setting"].fillna("")) == {""}
    flows = method in ("socof", "ours", "background", "truth")
    assert set(found["metric"]) == {"dice", "jac", "hd", "dice_between", *(["epe"] if flows else [])}
    mean = found.groupby("metric")["value"].mean()
    if method == "truth":
        assert mean["dice"] == mean["jac"] == mean["dice_between"] == 1 and mean["hd"] == mean["epe"] == 0
    if method == "background":
        assert mean["dice"] == mean["jac"] == 0 and mean["hd"] > 150 and 0.2 < mean["epe"] < 5
    if OPTIONS[method]["kind"] == "learned":
        report = read_json(ran(method) / "main/train.json")
        assert report["learned"]["measure"] == "val_dice" and report["selected_by"] == "val_dice"


def stored(place, change):
    cases = SequenceCases(job("truth"))
    kept = [(row, {"labels": change(cases.truth(row))}) for row in cases.rows("test")]
    segmentation.write(place, cases, kept, {})
    values = list(score(job("truth"), place))
    return {
        (m, label): np.mean([v.value for v in values if (v.metric, v.label) == (m, label)])
        for m in ("dice", "hd") for label in ("lv-endo", "lv-epi", "lv-myo")
    }  # fmt: skip


def test_shifted_and_swapped_labels_cost_what_they_must(tmp_path):
    moved = stored(tmp_path / "moved", lambda truth: np.roll(truth, 2, axis=2))
    mm = SequenceCases(job("truth")).spacing(SequenceCases(job("truth")).rows("test")[0])[1]
    assert moved["hd", "lv-epi"] == pytest.approx(2 * mm, rel=0.25), "two pixels, in mm"
    assert moved["dice", "lv-myo"] < moved["dice", "lv-endo"] < moved["dice", "lv-epi"] < 0.97
    swapped = stored(tmp_path / "swapped", lambda truth: np.array([0, 2, 1], np.uint8)[truth])
    assert swapped["dice", "lv-epi"] == 1 and swapped["dice", "lv-myo"] == 0


def test_a_whole_sequence_is_answered_frame_by_frame_at_every_interval():
    cases = SequenceCases(job("ours", task={**TASK, "tested_step": 2}))
    row = cases.rows("test")[0]
    count = cases.shape(row)[0]
    _, clips = cases.clip(row, 2, torch.device("cpu"))
    assert sorted(frame for own in clips for frame in own) == list(range(count)) and len(clips) == 2
    torch.manual_seed(0)
    net = build(NET, cases.size).eval()
    with torch.inference_mode():
        apart = answered(net, cases, row, torch.device("cpu"))["logits"]
        whole = answered(net, SequenceCases(job("ours")), row, torch.device("cpu"))["logits"]
    assert torch.allclose(apart, whole, atol=1e-5), "plain networks do not care, and frames keep their order"


def test_figures_are_drawn_and_hearts_beat(tmp_path):
    names = {method: method for method in OPTIONS}
    figures = {
        "fig1_first": ["truth"], "fig3": ["u2net", "ours"], "fig4": ["ours"], "fig5": ["ours"],
        "fig_heart": ["ours"], "fig_learning": ["u2net", "ours"],
    }  # fmt: skip
    for figure, methods in figures.items():
        learned = [m for m in methods if OPTIONS[m]["kind"] == "learned"]
        draw(
            figure,
            {method: job(method) for method in methods},
            {method: ran(method) / "main/weights.safetensors" for method in learned},
            {method: ran(method) / "predictions" for method in methods},
            names,
            tmp_path / figure,
        )
        assert (tmp_path / f"{figure}.png").stat().st_size > 3000 and (tmp_path / f"{figure}.svg").exists()
    heart = tmp_path / "fig_heart.png"
    with Image.open(heart) as image:
        assert image.n_frames > 4 and image.format == "PNG"
    assert heart.stat().st_size <= 1_000_000
