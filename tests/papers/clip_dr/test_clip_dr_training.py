"""Training on sources alone: batches, selection, and nothing of a target's labels."""

import dataclasses

import lightning.pytorch as pl
import numpy as np
import pytest
import torch
from scipy import ndimage

from clip_dr_data import READER, SIZE, job, method
from domain_data import blinded, packed
from mlmi2023.papers.clip_dr import evaluate
from mlmi2023.papers.clip_dr.colours import DRAWS, recoloured
from mlmi2023.papers.clip_dr.options import Augmentation
from mlmi2023.papers.clip_dr.outcome import stored
from mlmi2023.papers.clip_dr.pictures import KINDS, draw_pictures
from mlmi2023.papers.clip_dr.train import plan
from mlmi2023.tasks import chain, domains
from mlmi2023.training.loop.weights import read_weights


@pytest.fixture(scope="module")
def eyes(tmp_path_factory):
    return packed(tmp_path_factory.mktemp("eyes"), size=SIZE, patients=8)


def test_a_batch_has_as_many_images_of_each_source(eyes):
    made = plan(job(eyes, method("naive")))
    module, samples = made.module, made.train
    batch = torch.utils.data.default_collate([samples[n] for n in range(5)])
    found = [module.view.domains[row] for row in batch["row"].flatten().tolist()]
    assert batch["row"].shape == (5, 2) and found.count("one") == found.count("three") == 5
    assert set(batch["row"].flatten().tolist()) <= set(module.view.parts.train)


def test_selection_is_the_mean_over_sources_of_macro_f1(eyes):
    module = plan(job(eyes, method("naive"))).module
    view = module.view
    truth = {row: int(view.grades[row]) for row in view.parts.val}
    per_source = []
    for domain in ("one", "three"):
        rows = [row for row in truth if view.domains[row] == domain]
        # all grades count, those that a source lacks as 0
        per_source.append(len({truth[row] for row in rows}) / 5)
    assert np.isclose(module.score(truth), np.mean(per_source)) and module.best() == module.score(truth)
    assert module.majority() < module.best()


@pytest.mark.parametrize("model", ["naive", "cooplvt"])
def test_weights_do_not_depend_on_labels_of_the_target(eyes, tmp_path, model):
    own = method(model)
    hidden = domains.training(job(eyes, own)).parts.test
    data = {"seen": eyes, "blind": blinded(eyes, hidden, tmp_path / "blind")}
    states, chosen = {}, {}
    for name, folder in data.items():
        out = tmp_path / name
        chosen[name] = chain.train(job(folder, own), tmp_path / f"{name}_runs", out)["learned"]
        states[name] = read_weights(out / "weights.safetensors")
    assert all(torch.equal(states["seen"][key], states["blind"][key]) for key in states["seen"])
    assert chosen["seen"] == chosen["blind"]


def test_the_same_test_sees_who_reads_labels_of_the_target(eyes, tmp_path):
    """What the test above would catch: labels of sources do change the weights."""
    own = method("naive")
    rows = domains.training(job(eyes, own)).parts.train
    states = []
    for name, folder in (("seen", eyes), ("wrong", blinded(eyes, rows, tmp_path / "wrong"))):
        chain.train(job(folder, own), tmp_path / f"{name}_runs", tmp_path / f"{name}_out")
        states.append(read_weights(tmp_path / f"{name}_out" / "weights.safetensors"))
    assert not all(torch.equal(states[0][key], states[1][key]) for key in states[0])


def test_scores_are_those_of_the_targets_alone_each_under_its_name(eyes, tmp_path):
    several = dataclasses.replace(
        job(eyes, method("naive"), targets=["two", "three"], sources=["one"]),
        method_options={"kind": "truth"},
    )
    evaluate.predict(several, None, tmp_path / "truth")
    values = list(evaluate.score(several, tmp_path / "truth"))
    view = domains.truth(several)
    assert {v.setting for v in values} == {"on-two", "on-three"}
    for setting in ("on-two", "on-three"):
        own = [v for v in values if v.setting == setting and v.metric == "f1"]
        rows = [row for row in view.parts.test if view.domains[row] == setting[3:]]
        assert {v.case for v in own} == {view.names[row] for row in rows}
        there = len(set(view.grades.of(rows).tolist()))
        assert np.isclose(np.mean([v.value for v in own]), 100 * there / 5)
    floor = dataclasses.replace(several, method_options={"kind": "majority"})
    evaluate.predict(floor, None, tmp_path / "floor")
    scores = [v.value for v in evaluate.score(floor, tmp_path / "floor") if v.metric == "f1"]
    assert 0 < np.mean(scores) < 20


def test_zero_shot_is_scored_with_both_prompts(eyes, tmp_path):
    own = dataclasses.replace(
        job(eyes, method("zero_shot", prompt="II")),
        method_options={**job(eyes, method("zero_shot", prompt="II")).method_options, "kind": "pretrained"},
    )
    pl.seed_everything(0, verbose=False)
    evaluate.predict(own, None, tmp_path / "out")
    found = {
        name: stored(tmp_path / "out", name).probabilities("test") for name in ("", "prompt-I", "prompt-II")
    }
    assert np.array_equal(found[""], found["prompt-II"]) and not np.array_equal(found[""], found["prompt-I"])


@pytest.mark.parametrize(
    ("stage", "own", "changes", "stays"),
    [
        ("clip", method("zero_shot"), "clip.", "none"),
        ("text", method("zero_shot", reader=READER), "reader.", "clip."),
    ],
)
def test_pretraining_trains_its_own_encoder(eyes, stage, own, changes, stays):
    torch.manual_seed(0)
    made = plan(job(eyes, own, stage))
    module = made.module
    before = {name: p.detach().clone() for name, p in module.net.named_parameters()}
    optimiser = module.configure_optimizers()["optimizer"]
    module.training_step(torch.arange(8), 0).backward()
    optimiser.step()
    for name, p in module.net.named_parameters():
        if name.startswith(stays):
            assert torch.equal(p, before[name])
    assert any(
        not torch.equal(p, before[n]) for n, p in module.net.named_parameters() if n.startswith(changes)
    )


def test_pictures_are_what_their_captions_say():
    images, shown = draw_pictures(300, 32, 0)
    assert len({picture.kind for picture in shown}) > 30 and max(p.kind for p in shown) < KINDS
    assert np.array_equal(images, draw_pictures(300, 32, 0)[0])
    reds = {word: [] for word in ("a", "few", "several", "many")}
    for image, picture in zip(images, shown):
        word, size, strength, colour, _, *_, ground = picture.caption.split()[3:]
        assert size in ("small", "large") and ground != colour
        if (strength, ground) == ("severe", "black") and colour != "black":
            spots, _ = ndimage.label(image.max(axis=2) > 110)
            reds[word].append(spots.max())
    assert max(reds["a"]) <= 2 and np.mean(reds["many"]) > np.mean(reds["few"]) + 1


def test_colours_change_without_moving_anything():
    x = torch.rand(3, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    still = Augmentation(jitter=0.0, grey=0.0, blur=(0.0, 0.0))
    assert torch.equal(recoloured(x, torch.rand(3, DRAWS), still), x)
    # in the middle of every range nothing changes
    jitter = Augmentation(jitter=0.3, grey=0.0, blur=(0.0, 0.0))
    torch.testing.assert_close(recoloured(x, torch.full((3, DRAWS), 0.5), jitter), x, atol=1e-5, rtol=0)
    grey = recoloured(x, torch.zeros(3, DRAWS), Augmentation(jitter=0.0, grey=0.1, blur=(0.0, 0.0)))
    assert torch.equal(grey[:, 0], grey[:, 1]) and not torch.equal(grey[:, 0], x[:, 0])
    blurred = recoloured(x, torch.ones(3, DRAWS), Augmentation(jitter=0.0, grey=0.0, blur=(0.0, 28.0)))
    assert blurred.std() < 0.4 * x.std()
    torch.testing.assert_close(blurred.mean(), x.mean(), atol=0.03, rtol=0)
