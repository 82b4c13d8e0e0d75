"""From packed images to scores and figures; a killed agent; what networks may see."""

import dataclasses
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from boundary_rl_data import AGENT, OPTIONS, PPO, SIDE, TASK, USES, classifier, dark, job, packed
from mlmi2023.core.errors import InputError
from mlmi2023.core.files import read_json
from mlmi2023.core.jobs import Used
from mlmi2023.core.tidy import read_metrics
from mlmi2023.papers.boundary_rl.cases import Glands
from mlmi2023.papers.boundary_rl.comparing import by_image
from mlmi2023.papers.boundary_rl.controller import Controller
from mlmi2023.papers.boundary_rl.environment import Rules
from mlmi2023.papers.boundary_rl.options import Ppo
from mlmi2023.papers.boundary_rl.train import plan
from mlmi2023.papers.boundary_rl.walk_training import Turns, WalkTraining
from mlmi2023.papers.boundary_rl.walking import learned
from mlmi2023.tasks.chain import draw, evaluate, train
from mlmi2023.training.loop.fit import fit


@cache
def ran(method):
    """Train, predict and score a method; return the folder of all it leaves."""
    place = Path(mkdtemp(prefix="boundary-rl-run-"))
    own = job(method, {name: used(name) for name in USES.get(method, ())})
    weights = None
    if OPTIONS[method]["kind"] == "learned":
        train(own, place / "runs", place / "main")
        weights = place / "main/weights.safetensors"
    evaluate(own, weights, place / "predictions", place / "scores.csv")
    return place


def used(name):
    weights = ran(name) / "main/weights.safetensors"
    return Used(ran(name) / "predictions", weights if weights.exists() else None)


def scores(method):
    return read_metrics(ran(method) / "scores.csv")


def mean(method, metric):
    found = scores(method)
    return float(found[found["metric"] == metric]["value"].mean())


WALKING = {"dice", "distance", "calls", "hits", "steps", "offset"}


@pytest.mark.parametrize(
    ("method", "metrics"),
    [
        ("classifier", {"patch_accuracy", "patch_sensitivity", "patch_specificity"}),
        ("agent", WALKING),
        ("shifted", WALKING),
        ("chance", WALKING),
        ("straight", WALKING),
        ("bags", {"dice", "distance", "calls"}),
        ("sliding", {"dice", "distance", "calls"}),
        ("supervised", {"dice", "distance", "calls"}),
        ("tests", {"t", "p"}),
        ("background", {"dice", "distance"}),
        ("truth", {"dice", "distance"}),
    ],
)
def test_every_method_runs_and_is_scored(method, metrics):
    assert set(scores(method)["metric"]) == metrics
    if "dice" in metrics:
        own = scores(method)
        assert set(own[own["metric"] == "dice"]["case"]) == {"s7", "s8", "s9"}


def test_controls_bracket_and_looks_are_counted():
    assert mean("truth", "dice") == 1 and mean("truth", "distance") == 0 and mean("background", "dice") == 0
    assert mean("bags", "calls") == 9 and mean("sliding", "calls") == 25 and mean("supervised", "calls") == 1
    for method in ("agent", "chance", "straight"):
        assert mean(method, "calls") == pytest.approx(mean(method, "steps") * TASK["walk"]["episodes"])
    paired = scores("tests")
    assert (
        set(paired["setting"]) == {"a_b", "b_b"} and paired[paired["setting"] == "b_b"]["value"].isna().all()
    )
    assert len(by_image(ran("bags") / "predictions", Glands(job()))) == 3


def test_the_agent_is_judged_by_its_reward_between_chance_and_a_straight_walk():
    said = read_json(ran("agent") / "main/train.json")["learned"]
    assert said["measure"] == "val_return" and said["ceiling"] > said["floor"] - 1e-6
    assert np.isfinite([said["before"], said["floor"], said["ceiling"]]).all()
    curve = (ran("agent") / "main/curve.csv").read_text().splitlines()
    assert {"val_return", "val_moved", "val_hits", "val_dice"} <= set(curve[0].split(","))


class Killed(Exception):
    pass


def test_the_agents_walks_survive_a_kill(tmp_path):
    """A run that is killed after an epoch ends with the weights of one that is not."""
    own = job("agent", {"classifier": classifier()})
    own = dataclasses.replace(own, train={**own.train, "steps": 24})
    ended = {}
    for name, deaths in (("whole", [None]), ("killed", [13, None])):
        for death in deaths:
            torch.manual_seed(0)
            made = plan(own)

            def and_die(outputs, batch, number, made=made, death=death):
                if made.module.global_step == death:
                    raise Killed

            made.module.on_train_batch_end = and_die
            if death:
                with pytest.raises(Killed):
                    fit(own, made, tmp_path / name / "runs", tmp_path / name)
            else:
                fit(own, made, tmp_path / name / "runs", tmp_path / name)
        weights = load_file(tmp_path / name / "weights.safetensors")
        ended[name] = weights, made.module.env.state(), read_json(tmp_path / name / "train.json")["learned"]
    for one, other in list(zip(ended["whole"], ended["killed"]))[:2]:
        assert one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)
    assert ended["whole"][2] == ended["killed"][2]
    assert (ended["whole"][1]["canvas"] != 0).any()


def blinded(masks_of):
    """Pack the same images with other masks; return the folder."""
    import shutil

    from reseal import reseal

    place = Path(mkdtemp(prefix="boundary-rl-other-")) / "packed"
    shutil.copytree(packed(), place)
    masks = np.load(place / "masks.npy")
    np.save(place / "masks.npy", masks_of(masks).astype(np.uint8))
    reseal(place)
    return place


def test_the_classifier_and_bags_see_labels_of_patches_alone(tmp_path):
    """With other masks that give each patch the same label, the same weights come out."""
    cases = Glands(job())

    def hollow(masks):
        from scipy import ndimage

        # the middle of a gland matters to no patch of 8 pixels that overlaps it by more
        inner = ndimage.binary_erosion(masks > 0, np.ones((1, 3, 3)), iterations=1)
        return masks * ~inner

    place = blinded(hollow)
    assert not np.array_equal(Glands(job(data=place)).masks, cases.masks)
    for method in ("classifier", "bags"):
        own = dataclasses.replace(job(method), data=place)
        train(own, tmp_path / "runs", tmp_path / method)
        one, two = (load_file(p / "weights.safetensors") for p in (tmp_path / method, ran(method) / "main"))
        assert all(torch.equal(one[key], two[key]) for key in one)
    shifted = blinded(lambda masks: np.roll(masks, 9, axis=2))
    train(dataclasses.replace(job("classifier"), data=shifted), tmp_path / "runs", tmp_path / "x")
    other = load_file(tmp_path / "x/weights.safetensors")
    one = load_file(ran("classifier") / "main/weights.safetensors")
    assert any(not torch.equal(one[key], other[key]) for key in one)


def test_no_mask_of_a_tested_image_is_seen_in_training(tmp_path):
    tested = Glands(job()).rows("test")

    def wrong(masks):
        masks[tested] = 1 - masks[tested]
        return masks

    own = dataclasses.replace(job("agent", {"classifier": used("classifier")}), data=blinded(wrong))
    train(own, tmp_path / "runs", tmp_path / "agent")
    one, two = (load_file(p / "weights.safetensors") for p in (tmp_path / "agent", ran("agent") / "main"))
    assert all(torch.equal(one[key], two[key]) for key in one)


def test_only_a_straight_walk_knows_the_tested_gland(tmp_path):
    tested = Glands(job()).rows("test")

    def moved(masks):
        masks[tested] = np.roll(masks[tested], 7, axis=1)
        return masks

    place = blinded(moved)
    for method, same in (("chance", True), ("agent", True), ("straight", False)):
        own = dataclasses.replace(job(method, {"classifier": used("classifier")}), data=place)
        weights = ran("agent") / "main/weights.safetensors" if method == "agent" else None
        evaluate(own, weights, tmp_path / method, tmp_path / f"{method}.csv")
        one, two = (np.load(p / "s8.npz")["points"] for p in (tmp_path / method, ran(method) / "predictions"))
        assert np.array_equal(one, two) == same


class Right(torch.nn.Module):
    """A classifier that is never wrong."""

    def forward(self, patches):
        return dark(patches)


def test_the_agent_learns_from_a_classifier_that_is_right():
    torch.manual_seed(0)
    cases, ppo = Glands(job()), Ppo(**{**PPO, "walkers": 32, "horizon": 16, "minibatch": 256, "passes": 4})
    net = Controller(SIDE, **{**AGENT, "where": True})
    # too few steps for most walks by chance
    rules, images = Rules.of(job(task={**TASK, "walk": {**TASK["walk"], "most": 5}})), cases.images[..., 0]
    module = WalkTraining(net, Right(), images, {}, cases.centre, rules, ppo, {}, where=True)
    optimiser = torch.optim.Adam(net.parameters(), 0.01)
    turns = Turns(cases.rows("train"), ppo.walkers)

    def earned():
        return module._validated(torch.tensor(cases.rows("val")), learned(net)).earned(100)

    before = earned()
    for _ in range(12):
        for place in range(ppo.cycle()):
            optimiser.zero_grad()
            module.training_step({"rows": turns[0]["rows"][None]}, place).backward()
            optimiser.step()
    assert earned() > before + 15, (earned(), before)


def test_figures_are_drawn_and_the_path_moves(tmp_path):
    from PIL import Image

    shown = {
        "fig2": ["agent", "bags", "supervised"],
        "fig_path": ["classifier", "agent"],
        "fig_points": ["agent", "straight"],
        "fig_looks": ["agent", "bags", "supervised"],
        "fig_learning": ["classifier", "agent", "supervised"],
    }
    names = {method: method for method in OPTIONS}
    for figure, methods in shown.items():
        jobs = {m: job(m, {name: used(name) for name in USES.get(m, ())}) for m in methods}
        weights = {m: ran(m) / "main/weights.safetensors" for m in methods if OPTIONS[m]["kind"] == "learned"}
        draw(figure, jobs, weights, {m: ran(m) / "predictions" for m in methods}, names, tmp_path / figure)
        assert (tmp_path / f"{figure}.png").stat().st_size > 2000 and (tmp_path / f"{figure}.svg").exists()
    with Image.open(tmp_path / "fig_path.png") as moving:
        assert moving.is_animated and moving.n_frames > 3
    assert (tmp_path / "fig_path.png").stat().st_size <= 1_000_000
    with pytest.raises(InputError, match="needs classifier and agent"):
        draw("fig_path", {"agent": job("agent")}, {}, {"agent": ran("agent")}, names, tmp_path / "x")


def test_what_cannot_be_used_is_said_in_one_line(tmp_path):
    def fails(match, own, weights=None):
        with pytest.raises(InputError, match=match):
            evaluate(own, weights, tmp_path / "p", tmp_path / "s.csv")

    fails("choose learned, sliding, ruled", job("x", method_options={"kind": "guess"}))
    fails("give the weights", job("agent", {"classifier": classifier()}))
    fails("'uses' lacks 'classifier'", job("chance"))
    fails("'agent' is missing under 'uses'", job("shifted"))
    fails("'agent' is missing under 'uses'", job("tests"))
    fails("'bags' is missing under 'uses'", job("sliding"))
    with pytest.raises(InputError, match="'ppo' is missing"):
        own = job("agent", {"classifier": classifier()})
        plan(dataclasses.replace(own, train={**own.train, "ppo": None}))
