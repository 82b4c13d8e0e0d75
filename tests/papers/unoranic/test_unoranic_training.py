"""What learns from what: which loss moves which network, samples, rates, stages, controls, scores."""

import numpy as np
import pytest
import torch

from mlmi2023.core.errors import InputError
from mlmi2023.core.options import options
from mlmi2023.papers.unoranic.building import answering, method_of, take_over
from mlmi2023.papers.unoranic.evaluate import FILE, areas, detected, predict, score
from mlmi2023.papers.unoranic.options import Train
from mlmi2023.papers.unoranic.pictures import Draws, Pictures
from mlmi2023.papers.unoranic.rates import triangular2
from mlmi2023.papers.unoranic.train import plan
from mlmi2023.training.data.seeded import SeededSamples
from mlmi2023.training.loop.weights import save_weights
from unoranic_data import AE, BRANCHES, NET, RESNET, TRAIN, cohort, job

PARTS = ("anatomy", "characteristic", "anatomy_decoder", "decoder")


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    return cohort(tmp_path_factory.mktemp("images"))


@pytest.fixture(scope="module")
def body(packed, tmp_path_factory):
    torch.manual_seed(0)
    file = tmp_path_factory.mktemp("weights") / "weights.safetensors"
    save_weights(plan(job(packed, BRANCHES, "represent")).module.net, file)
    return file


def batch(made, count=6):
    return torch.utils.data.default_collate(SeededSamples(made.train, 0).__getitems__(list(range(count))))


def moved(packed, **change):
    """Return which parts of unORANIC a training step has gradients for."""
    made = plan(job(packed, {**BRANCHES, **change}, "represent"))
    made.module.train()
    made.module.training_step(batch(made), 0).backward()
    net = made.module.net
    has = lambda part: any(p.grad is not None and p.grad.abs().sum() > 0 for p in part.parameters())  # noqa: E731
    return {name for name in PARTS if has(getattr(net, name))}


def test_eq_4_moves_all_parts_and_the_characteristic_branch_by_l_rs_alone(packed):
    assert moved(packed) == set(PARTS)
    # consistency alone moves the anatomy encoder and nothing else
    assert moved(packed, reconstruction=0.0) == {"anatomy"}
    assert moved(packed, consistency=0.0) == set(PARTS)


def loss_of(packed, module_change=None, **change):
    torch.manual_seed(3)
    made = plan(job(packed, {**BRANCHES, **change}, "represent"))
    made.module.train()
    return made.module, made.module.training_step(batch(made), 0)


def test_the_weights_of_eq_4(packed):
    # the same network and samples: the loss is linear in both weights
    each = {
        w: float(loss_of(packed, reconstruction=w[0], consistency=w[1])[1]) for w in ((1, 0), (0, 1), (2, 3))
    }
    assert each[1, 0] > 0 and each[0, 1] > 0
    assert each[2, 3] == pytest.approx(2 * each[1, 0] + 3 * each[0, 1], rel=1e-4)


def test_without_l_ri_the_encoder_s_gradient_is_that_of_l_rs(packed):
    grads = {}
    for clean in ("both", "decoder"):
        module, loss = loss_of(packed, clean=clean, consistency=0.0)
        loss.backward()
        grads[clean] = module.net.anatomy.blocks[0].body[0][0].weight.grad.clone()
        assert any(p.grad.abs().sum() > 0 for p in module.net.anatomy_decoder.parameters())
    assert not torch.allclose(grads["both"], grads["decoder"])
    module, _ = loss_of(packed, clean="decoder", consistency=0.0)
    for p in module.net.anatomy_decoder.parameters():
        p.data.mul_(1.7)
    module.training_step(batch(plan(job(packed, BRANCHES, "represent"))), 0).backward()
    # what D_A says has no way to the encoder
    assert torch.allclose(module.net.anatomy.blocks[0].body[0][0].weight.grad, grads["decoder"], atol=1e-6)


def test_variants_are_of_one_image_and_corrupted_apart(packed):
    made = plan(job(packed, BRANCHES, "represent"))
    assert made.train.variants == 3
    one = batch(made)
    assert one["numbers"].shape[:2] == (6, 3)
    assert not torch.equal(one["numbers"][:, 0], one["numbers"][:, 1])
    # an autoencoder sees the same S
    other = batch(plan(job(packed, AE, "represent")))
    assert torch.equal(one["row"], other["row"]) and torch.equal(one["numbers"][:, 0], other["numbers"][:, 0])
    assert torch.equal(one["grain"][:, 0], other["grain"][:, 0])


def test_autoencoders_differ_in_what_they_are_to_become(packed):
    for target in ("corrupted", "clean"):
        torch.manual_seed(3)
        made = plan(
            job(packed, {**AE, "target": target}, "represent", corrupt={"kinds": ["invert"], "chance": 1.0})
        )
        module, one = made.module, batch(made)
        found = float(module.train().training_step(one, 0).detach())
        clean = module.images[one["row"]].float() / 255
        wanted = 1 - clean if target == "corrupted" else clean
        rebuilt = module.net.rebuilt(module.net.codes(1 - clean))
        assert found == pytest.approx(float(((rebuilt - wanted) ** 2).mean().detach()), rel=1e-3)


def test_a_representation_learns_and_says_when_it_has_collapsed(packed):
    made = plan(job(packed, BRANCHES, "represent"))
    module = made.module
    logged = {}
    module.log = lambda name, value: logged.__setitem__(name, float(value))

    def validate():
        chunk = {name: torch.as_tensor(values)[None] for name, values in made.val[0].items()}
        module.validation_step(chunk, 0)
        module.on_validation_epoch_end()

    optimiser = module.configure_optimizers()["optimizer"]
    for group in optimiser.param_groups:
        group["lr"] = 0.01
    one = batch(made)
    losses = []
    for _ in range(12):
        loss = module.train().training_step(one, 0)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.6 * losses[0]
    module.eval()
    validate()
    assert logged["val_spread"] > 0 and 0 < module.floor() < 0.2
    for p in module.net.anatomy.parameters():
        p.data.zero_()
    validate()
    assert logged["val_spread"] == 0
    assert made.measure.name == "val_error" and made.measure.better == "lower"


def test_the_rate_is_triangles_each_half_as_high():
    half, low, high = 10, 1e-4, 1e-2
    rates = [triangular2(step, half, low, high) for step in range(60)]
    assert rates[0] == rates[20] == rates[40] == pytest.approx(low)
    assert rates[10] == pytest.approx(high)
    assert rates[30] == pytest.approx(low + (high - low) / 2) and rates[50] == pytest.approx(
        low + (high - low) / 4
    )
    # torch's own schedule is the same
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimiser = torch.optim.Adam([parameter], lr=low)
    theirs = torch.optim.lr_scheduler.CyclicLR(
        optimiser, low, high, half, mode="triangular2", cycle_momentum=False
    )
    for rate in rates:
        assert optimiser.param_groups[0]["lr"] == pytest.approx(rate)
        optimiser.step()
        theirs.step()


def test_the_module_s_optimiser_has_the_printed_betas_and_rates(packed):
    made = plan(job(packed, BRANCHES, "represent")).module.configure_optimizers()
    optimiser, scheduler = made["optimizer"], made["lr_scheduler"]["scheduler"]
    assert optimiser.param_groups[0]["betas"] == (0.95, 0.999)
    found = []
    for _ in range(5):
        found.append(optimiser.param_groups[0]["lr"])
        scheduler.step()
    # half a cycle is one epoch of two steps here
    assert found == pytest.approx([1e-4, 5.05e-3, 1e-2, 5.05e-3, 1e-4])
    with pytest.raises(InputError, match="cycle takes the place"):
        options(Train, {**TRAIN, "decay": "cosine"}, "config", "train")


def test_linear_layers_learn_on_what_stays(packed, body):
    made = plan(job(packed, BRANCHES, "main", body))
    module = made.module
    state = {name: value.clone() for name, value in module.net.body.state_dict().items()}
    assert (module.labels[torch.from_numpy(module.pictures.rows("test"))] == -1).all()
    optimiser = module.configure_optimizers()["optimizer"]
    for group in optimiser.param_groups:
        group["lr"] = 0.1
    one, losses = batch(made, 24), []
    for _ in range(15):
        loss = module.training_step(one, 0)  # as in a fit, where nobody calls train()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[0] == pytest.approx(np.log(3) + np.log(2), rel=1e-3) and losses[-1] < losses[0]
    assert all(torch.equal(value, state[name]) for name, value in module.net.body.state_dict().items())


def test_weights_of_another_network_are_refused(packed, body):
    own = method_of({**BRANCHES, "net": {**NET, "width": 8}})
    net = answering(own, Pictures(job(packed, BRANCHES)))
    with pytest.raises(InputError, match="weights of another network"):
        take_over(net, job(packed, BRANCHES, previous=body))
    with pytest.raises(InputError, match="put the stage 'represent' before"):
        take_over(net, job(packed, BRANCHES))


def test_a_split_without_a_class_is_said(tmp_path):
    data = cohort(tmp_path, counts={"train": 6, "val": 2, "test": 3})
    with pytest.raises(InputError, match="split 'val' has no image of the class 'right'"):
        plan(job(data, RESNET))


def scores(packed, method, place, weights=None, **task):
    asked = job(packed, method, **task)
    predict(asked, weights, place)
    found = {}
    for value in score(asked, place):
        found.setdefault((value.metric, value.setting), []).append(value.value)
    return found


UNSEEN = {"unseen": {"kinds": ["shot_noise", "fog", "jpeg"], "images": 6}}


def test_controls_bracket(packed, tmp_path):
    top, bottom = (scores(packed, {"kind": kind}, tmp_path / kind, **UNSEEN) for kind in ("truth", "guess"))
    for metric in ("auc", "acc", "det_auc", "det_acc"):
        assert np.mean(top[metric, ""]) == 1
    assert np.mean(bottom["auc", ""]) == np.mean(bottom["det_auc", ""]) == 0.5
    assert np.mean(top["robust_auc", "every"]) == 1 and np.mean(bottom["robust_auc", "noise"]) == 0.5
    assert len(top["robust_auc", "every"]) == 6 and "blur" not in {s for m, s in top if m == "robust_auc"}
    assert np.mean(top["psnr", ""]) == 100 and 5 < np.mean(bottom["psnr", ""]) < 30
    assert [top[f"n_{split}", ""] for split in ("train", "val", "test")] == [[24], [12], [9]]
    same = scores(packed, {"kind": "input"}, tmp_path / "input")
    assert ("psnr", "") not in same and ("revised", "none") not in same
    # an inverted image is far from itself, one with little noise is near
    assert np.mean(same["revised", "invert"]) < 15 < 30 < np.mean(same["revised", "gaussian_noise"])
    assert np.mean(same["revised", "strong"]) < np.mean(same["revised", "all"])


def test_scores_are_those_of_the_right_labels(packed, tmp_path):
    pictures = Pictures(job(packed, {"kind": "truth"}))
    asked = job(packed, {"kind": "truth"})
    predict(asked, None, tmp_path / "own")
    with np.load(tmp_path / "own" / FILE) as content:
        found = dict(content)
    shifted = {
        **found,
        "disease": np.roll(found["disease"], 1, axis=1),
        "corrupted": found["corrupted"][:, ::-1],
    }
    np.savez(tmp_path / "own" / FILE, **shifted)
    values = {}
    for value in score(asked, tmp_path / "own"):
        values.setdefault(value.metric, []).append(value.value)
    assert np.mean(values["acc"]) == np.mean(values["det_acc"]) == np.mean(values["det_auc"]) == 0
    assert 0 < detected(pictures).sum() < 9
    labels = np.array([0, 1, 1, 0])
    assert areas(labels, np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.5, 0.5]])).mean() == pytest.approx(
        0.75
    )


@pytest.mark.parametrize("method", [BRANCHES, AE, RESNET], ids=["two", "one", "resnet"])
def test_learned_methods_answer(packed, tmp_path, method):
    torch.manual_seed(0)
    net = answering(method_of(method), Pictures(job(packed, method)))
    save_weights(net, tmp_path / "weights.safetensors")
    found = scores(packed, method, tmp_path / "out", tmp_path / "weights.safetensors", **UNSEEN)
    assert len(found["auc", ""]) == 9 and ("robust_auc", "weather") in found
    assert (("psnr", "") in found) == (method is not RESNET)


def test_samples_depend_on_their_number(packed):
    pictures = Pictures(job(packed, BRANCHES))
    samples = SeededSamples(Draws(pictures, 2), 7)
    one, again = samples[5], samples.__getitems__([4, 5])[1]
    assert one["row"] == again["row"] and torch.equal(one["grain"], again["grain"])
