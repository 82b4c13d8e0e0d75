"""Objects, training steps, measures, GrabCut, predictions and scores, on small scans."""

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from bad_inputs import said
from mlmi2023.cohorts.forms.scans.reader import open_scans
from mlmi2023.core.options import options
from mlmi2023.papers.pe_med import evaluate
from mlmi2023.papers.pe_med.grabcut import box_around, grabcut
from mlmi2023.papers.pe_med.measures import by_case, clicks_to, dice, over_organs
from mlmi2023.papers.pe_med.networks import build
from mlmi2023.papers.pe_med.objects import Objects, exclusive
from mlmi2023.papers.pe_med.options import GrabCut, Method, Task
from mlmi2023.papers.pe_med.sam import FEATURES
from mlmi2023.papers.pe_med.source import DrawnObjects, ObjectSource, click_draws
from mlmi2023.papers.pe_med.train import plan
from pe_med_data import NET, SAM, SIZE, SWIN, job, packed

BATCH = {"row": torch.tensor([0, 1, 2]), "organ": torch.tensor([0, 0, 0]), "draw": torch.rand(3, 12)}


def test_cases_stay_in_their_part_and_objects_are_those_of_the_labels():
    objects = Objects(job())
    cases = {part: {objects.name(n) for n in pairs[:, 0]} for part, pairs in objects.pairs.items()}
    assert [len(cases[part]) for part in ("train", "val", "test")] == [4, 2, 3]
    assert not cases["train"] & cases["test"] and not cases["val"] & cases["test"]
    for number, organ in objects.pairs["train"]:
        mask = objects.truth(np.array([[number, organ]]))[0]
        assert np.array_equal(mask, objects.labels[number] == organ + 1) and mask.sum() >= 4
    assert set(exclusive(objects)[[0, 1, 2, 3]]) == {0, 1, 2}


def test_structures_of_several_labels_and_each_image_of_a_scan_by_itself():
    whole = {"organs": [{"all": [1, 2]}, {"first": 1}], "modalities": ["A", "B"]}
    both, one = Objects(job(task=whole)), Objects(job(task={**whole, "modalities": ["A"]}))
    assert len(both.images) == 2 * len(one.images) and both.organs == ["all", "first"]
    place = next(n for n, organ in both.pairs["train"] if organ == 1)
    masks = both.truth(np.array([[place, 0], [place, 1]]))
    assert (masks[0] >= masks[1]).all() and masks[0].sum() >= masks[1].sum()
    said(lambda: exclusive(both), "share the label 1")
    said(lambda: Objects(job(task={"organs": [{"third": 3}]})), "no structure has the label 3")
    said(lambda: Objects(job(task={"modalities": ["C"]})), "task.modalities")
    said(lambda: Objects(job(task={"least": 900})), "no object for 'train' of 900 pixels")


def test_what_is_left_out_is_said(monkeypatch):
    read = Objects._read
    held = Objects(job()).cohort.splits.index("val")
    monkeypatch.setattr(
        Objects, "_read", lambda own, kept, rows: read(own, kept, [r for r in rows if r < held])
    )
    said(lambda: Objects(job()), "no object for 'val'")
    scans = open_scans(packed())
    scans.label_names = {1: "first", 1001: "left"}
    monkeypatch.setattr("mlmi2023.papers.pe_med.objects.open_cohort", lambda data: scans)
    said(lambda: Objects(job(task={"organs": None})), "label 1001 is above 255", "organs")


def test_few_objects_are_spread_over_all():
    objects = Objects(job(task={"tested": 3}))
    for case, pairs in objects.tested():
        assert len(pairs) == 3 and set(pairs[:, 1]) == {0, 1}, case
    assert len(objects.held()) == 6


def test_a_draw_is_of_an_organ_that_is_there_and_clicks_are_the_same_for_all():
    pairs = np.array([[4, 0], [4, 2], [7, 1]])
    drawn = DrawnObjects(pairs)
    assert len(drawn) == 2
    torch.manual_seed(0)
    assert {int(drawn[0]["organ"]) for _ in range(20)} == {0, 2} and {int(drawn[1]["organ"])} == {1}
    first = click_draws(202, 0, pairs, 4)
    assert np.array_equal(click_draws(202, 0, pairs[1:], 6)[:, :4], first[1:])
    assert not np.array_equal(click_draws(202, 1, pairs, 4), first)


@pytest.mark.parametrize(("first", "clicks"), [(0.0, 1), (0.3, 2), (0.99, 4)])
def test_a_step_learns_from_the_last_of_some_clicks(first, clicks):
    module = plan(job({"self_loop": True})).module
    seen = []
    module.net.register_forward_pre_hook(
        lambda net, args: seen.append((net.training, args[0].signs.shape[1]))
    )
    draws = torch.rand(3, 24)
    draws[:, 0] = first
    loss = module.training_step({**BATCH, "clicks": draws}, 0)
    loss.backward()
    # the first click takes two passes
    assert [n for _, n in seen] == [1, *range(1, clicks + 1)]
    assert [training for training, _ in seen] == [False] * (len(seen) - 1) + [True]
    assert sum(float(p.grad.abs().sum()) for p in module.net.parameters() if p.grad is not None) > 0


def test_plans_of_all_kinds_validate_on_the_same_objects():
    held = []
    for keys in ({}, {"net": SWIN}, {"model": "automatic", "net": {"name": "unet", "features": [4] * 6}}):
        made = plan(job(keys))
        assert made.measure.name == "val_dice" and made.measure.floor == 0
        held.append([made.val[n]["row"].tolist() for n in range(len(made.val))])
        assert torch.isfinite(made.module.training_step({**BATCH, "clicks": torch.rand(3, 24)}, 0))
    assert held[0] == held[1] == held[2]
    shapes = plan(job({"net": SAM, "learn": "shapes"}, {"shapes": 5}))
    assert len(shapes.train) == 5 and set(shapes.val.pairs[:, 0].tolist()) <= set(range(5, 37))


def test_augmentation_moves_object_and_image_together():
    from mlmi2023.training.data.augment2d import Augment2D

    image = np.zeros((1, SIZE, SIZE), np.float16)
    image[0, 8:16, 4:20] = 1
    labels = (image > 0).astype(np.uint8)
    tables = np.arange(256)[None] == 1
    augment = Augment2D(warp=1.0, shift=0.2, border="zeros", fill=-1.0)
    source = ObjectSource(image, labels, tables, augment)
    batch = {"row": torch.zeros(4).long(), "organ": torch.zeros(4).long(), "draw": torch.rand(4, 12)}
    made = source(batch, True)
    assert ((made.image[:, 0] > 0) == made.truth).float().mean() > 0.97
    assert not torch.equal(made.truth[0], source(batch, False).truth[0])


def test_means_over_cases_are_means_over_objects():
    cases, values = ["a", "a", "a", "b"], np.array([10.0, 20.0, 30.0, 80.0])
    assert by_case(cases, values) == {"a": 12.5, "b": 57.5} and np.mean([12.5, 57.5]) == values.mean()
    parts = {
        "x": by_case(["a", "a", "b"], np.array([10.0, 20.0, 60.0])),
        "y": by_case(["a"], np.array([50.0])),
    }
    whole = over_organs(parts, ["a", "b"])
    assert np.mean(list(whole.values())) == pytest.approx((30 + 50) / 2)


def test_what_cases_add_spreads_as_their_mean_does():
    rng = np.random.default_rng(0)
    cases = np.repeat(np.arange(200), rng.integers(1, 8, 200))
    values = 60 + rng.normal(0, 5, 200)[cases] + rng.normal(0, 3, len(cases))
    organs = rng.integers(0, 2, len(cases))
    values[organs == 1] -= 30

    def means(cases, values, organs):
        parts = {str(o): by_case(cases[organs == o], values[organs == o]) for o in (0, 1)}
        return [np.array(list(own.values())) for own in (by_case(cases, values), over_organs(parts, cases))]

    drawn = []
    for _ in range(500):
        some = np.concatenate([np.flatnonzero(cases == case) for case in rng.integers(0, 200, 200)])
        each = [values[some][organs[some] == organ].mean() for organ in (0, 1)]
        drawn.append([values[some].mean(), np.mean(each)])
    for added, wanted in zip(means(cases, values, organs), np.std(drawn, axis=0)):
        assert added.std() / 200**0.5 == pytest.approx(wanted, rel=0.15)
    for added in means(cases, np.full(len(cases), 100.0), organs):
        assert added == pytest.approx(np.full(200, 100))


def test_clicks_to_a_dice_end_at_the_cap():
    values = np.array([[50, 86, 80, 91], [10, 20, 30, 40], [95, 0, 0, 0]], float)
    assert clicks_to(values, 85, 4).tolist() == [2, 4, 1]
    assert clicks_to(values, 90, 4).tolist() == [4, 4, 1]
    assert clicks_to(values[:, :1], 85, 10).tolist() == [10, 10, 1]
    assert dice(np.array([1, 1, 0, 0], bool), np.array([0, 1, 1, 1], bool)) == pytest.approx(40)


def test_grabcut_finds_a_bright_disc_and_obeys_clicks():
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:40, :40]
    truth = (y - 18) ** 2 + (x - 21) ** 2 < 64
    image = rng.normal(60, 6, (40, 40)) + 80 * truth
    keys = GrabCut(kind="grabcut")
    box = box_around(truth, 3)
    found = grabcut(image, box, keys)
    assert dice(found.ravel(), truth.ravel()) > 97
    sure = np.zeros((40, 40), np.int8)
    sure[9, 21], sure[18, 21] = 1, -1  # one beside the disc, one in it
    again = grabcut(image, box, keys, found, sure)
    assert again[9, 21] and not again[18, 21] and not again[:, :9].any()
    assert not grabcut(image, box, keys, np.zeros_like(truth), np.zeros((40, 40), np.int8)).any()
    one = np.zeros_like(truth)
    one[20, 20] = True  # all that is left of an object
    left = grabcut(image, box, keys, one, np.zeros((40, 40), np.int8))
    assert left.shape == image.shape and not left[:, :9].any()


def scores(own, folder, weights=None):
    evaluate.predict(own, weights, folder)
    return list(evaluate.score(own, folder))


def test_controls_bracket_and_networks_have_a_value_after_each_click(tmp_path):
    for kind, value, clicks in (("background", 0, 4), ("truth", 100, 1)):
        found = scores(job({"kind": kind, "model": None, "net": None}), tmp_path / kind)
        means = {v.metric: [] for v in found}
        for v in found:
            means[v.metric].append(v.value)
            assert v.setting == ""
        assert np.mean(means["dsc_avg"]) == pytest.approx(value) == np.mean(means["dsc_organs"])
        assert np.mean(means["noc90"]) == pytest.approx(clicks)
        assert {v.label for v in found if v.metric == "dsc"} == {"one", "two"}
    torch.manual_seed(0)
    save_file(build(NET, (SIZE, SIZE), 2.0).state_dict(), tmp_path / "w.safetensors")
    own = job({"self_loop": True})
    found = scores(own, tmp_path / "net", tmp_path / "w.safetensors")
    assert {v.setting for v in found if v.metric == "dsc_avg"} == {"p1", "p2", "p3", "p4"}
    assert {v.setting for v in found if v.metric == "noc85"} == {"p4"}
    objects = Objects(own, ("test",))
    case, pairs = next(iter(objects.tested()))
    answers = evaluate.read(objects, tmp_path / "net", case, pairs)
    first = answers.places[:, 0]
    assert answers.masks.shape == (len(pairs), 4, SIZE, SIZE)
    assert objects.truth(pairs)[np.arange(len(pairs)), first[:, 0], first[:, 1]].all()
    again = scores(own, tmp_path / "again", tmp_path / "w.safetensors")
    assert again == found
    said(lambda: evaluate.read(objects, tmp_path / "net", case, pairs[:-1]), "predict again")


def test_grabcut_and_automatic_networks_have_their_settings(tmp_path):
    cut = {"kind": "grabcut", "model": None, "net": None, "clicks": 1, "iterations": 2}
    found = scores(job(cut, {"tested": 2}), tmp_path / "cut")
    assert {v.setting for v in found} == {"", "p1"} and not [v for v in found if v.metric.startswith("noc")]
    net = {"name": "unet", "features": [4] * 6}
    from mlmi2023.papers.pe_med.networks import build_automatic

    save_file(build_automatic(net, (SIZE, SIZE), 2).state_dict(), tmp_path / "w.safetensors")
    found = scores(job({"model": "automatic", "net": net}), tmp_path / "unet", tmp_path / "w.safetensors")
    assert {v.setting for v in found} == {""} and {v.metric for v in found} == {
        "dsc",
        "dsc_avg",
        "dsc_organs",
    }


def test_sam_as_published_is_not_trained(tmp_path):
    state = build(SAM, (SIZE, SIZE), 2.0).sam.state_dict()
    state.pop(FEATURES[0])
    save_file(state, tmp_path / "sam.safetensors")
    keys = {
        "kind": "published",
        "model": None,
        "net": {**SAM, "pretrained": {"path": str(tmp_path / "sam.safetensors")}},
    }
    found = scores(job(keys, {"tested": 2}), tmp_path / "sam")
    assert {v.setting for v in found if v.metric == "dsc_avg"} == {"p1", "p2", "p3", "p4"}


@pytest.mark.parametrize(
    ("net", "says"),
    [
        ({**NET, "heads": [3, 1, 2, 2]}, "does not divide by its heads"),
        ({**NET, "palmi": True}, "did you mean 'palm_i'"),
        ({**SAM, "side": 40}, "side 40 does not divide by 16"),
        ({**SWIN, "heads": [1, 1]}, "as many heads as depths"),
    ],
)
def test_slips_in_networks_are_one_line(net, says):
    method = {"kind": "learned", "model": "interactive", "net": net}
    said(lambda: options(Method, method, "config", "methods.x"), says)


def test_slips_in_methods_are_one_line():
    published = {"kind": "published", "net": SAM}
    said(lambda: options(Method, published, "config", "methods.x"), "net.pretrained is missing")
    said(lambda: options(Method, {"kind": "grabcut", "gamma": 0}, "config", "methods.x"), "must be above 0")


def test_slips_in_tasks_are_one_line():
    task = {"kind": "clicks", "size": [48, 48]}
    said(lambda: options(Task, task, "config", "task"), "divides by 32")
    said(
        lambda: options(Task, {"kind": "clicks", "size": [64, 64], "clicks": {"most": 0}}, "config", "task"),
        "most",
    )
    said(lambda: build(SWIN, (40, 40), 2.0), "does not divide by 32")
