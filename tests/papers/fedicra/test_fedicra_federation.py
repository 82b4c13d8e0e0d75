"""Rounds of small federations: what sites keep, who is left out, a killed run, fine-tuning, ablations."""

import copy

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from fedicra_data import FEDICRA, NET, job, packed
from mlmi2023.core.files import read_json
from mlmi2023.papers.fedicra.cases import SiteImages
from mlmi2023.papers.fedicra.client import Update
from mlmi2023.papers.fedicra.evaluate import predict, score
from mlmi2023.papers.fedicra.strategies import is_head, norms_of, state_of
from mlmi2023.papers.fedicra.train import learned, networks, parties, plan
from mlmi2023.tasks.chain import train
from mlmi2023.training.loop.fit import fit


@pytest.fixture(scope="module")
def angiograms(tmp_path_factory):
    return packed(tmp_path_factory.mktemp("angiograms"))


def party(data, method, **more):
    """Clients, their optimisers, and the server, without a trainer."""
    torch.manual_seed(0)
    own = job(data, method, **more)
    cases, keys = SiteImages(own), learned(own)
    clients, server = parties(own, cases, keys, networks(cases, keys))
    return clients, [client.optimiser() for client in clients], server


def batch(client, number=0):
    rng = np.random.default_rng([number, client.number])
    return {
        "row": torch.from_numpy(rng.integers(len(client.data), size=2)),
        "draw": torch.from_numpy(rng.random((2, 12), np.float32)),
    }


def rounds(clients, optimisers, server, count):
    for number in range(count):
        messages = [server.message(client.number, number) for client in clients]
        updates = [
            client.fit(message, number, [batch(client, 2 * number), batch(client, 2 * number + 1)], optimiser)
            for client, message, optimiser in zip(clients, messages, optimisers)
        ]
        server.gather(updates, number)
    return updates


def differ(one, other, names):
    return {name for name in names if not torch.equal(one[name], other[name])}


def test_the_server_averages_by_counts_and_sites_begin_with_its_answer(angiograms):
    clients, optimisers, server = party(angiograms, {"strategy": "fedavg"})
    updates = rounds(clients, optimisers, server, 1)
    assert [update.images for update in updates] == [5, 6, 4]
    name = "encoder.levels.0.0.weight"
    mean = sum(u.images * u.state[name] for u in updates) / 15
    assert torch.allclose(server.net.state_dict()[name], mean, atol=1e-6)
    clients[0].begin(server.message(0, 1), 1)
    assert not differ(state_of(clients[0].net), state_of(server.net), mean_names(clients[0]))


def mean_names(client):
    return list(client.net.state_dict())


def test_sites_keep_what_is_theirs(angiograms):
    for strategy in ("fedbn", "fedap", "fedrep", "local"):
        clients, optimisers, server = party(angiograms, {"strategy": strategy})
        rounds(clients, optimisers, server, 1)
        client = clients[0]
        before, names = state_of(client.net), set(mean_names(client))
        kept = {
            "fedbn": norms_of(client.net),
            "fedap": norms_of(client.net),
            "fedrep": {name for name in names if is_head(name)},
            "local": names,
        }[strategy]
        client.begin(server.message(0, 1), 1)
        changed = differ(before, state_of(client.net), names)
        assert not changed & kept and (strategy == "local" or changed), strategy
        if strategy == "fedap":
            own = [server.message(k, 1)["encoder.levels.0.0.weight"] for k in (0, 1)]
            assert not torch.equal(*own)


def test_fedrep_learns_the_head_then_the_rest(angiograms):
    clients, optimisers, server = party(angiograms, {"strategy": "fedrep", "head": 0.5})
    client, names = clients[0], dict(clients[0].net.named_parameters())
    client.begin(server.message(0, 0), 0)
    for place, head in ((0, True), (1, False)):
        before = state_of(client.net)
        client.step(batch(client, place), optimisers[0])
        changed = differ(before, state_of(client.net), names)
        assert changed and all(is_head(name) == head for name in changed)


def test_fedprox_pulls_towards_the_server(angiograms):
    strayed = []
    for mu in (0.0, 300.0):
        clients, optimisers, server = party(angiograms, {"strategy": "fedprox", "mu": mu})
        message = server.message(0, 0)
        client = clients[0]
        client.begin(message, 0)
        for number in range(2):
            client.step(batch(client, number), optimisers[0])
        strayed.append(float(client._strayed().detach()))
    assert strayed[1] < 0.9 * strayed[0]


def test_the_head_of_a_round_is_mixed_of_the_rounds_before(angiograms):
    clients, optimisers, server = party(angiograms, FEDICRA)
    rounds(clients, optimisers, server, 1)
    client, common = clients[0], server.message(0, 1)
    own = state_of(client.net)
    client.begin(common, 1)
    mixed, low = state_of(client.net), 0
    for name in dict(client.net.named_parameters()):
        if is_head(name):
            weight = client.mix[name]
            assert torch.equal(mixed[name], common[name] + (own[name] - common[name]) * weight)
            assert float(weight.min()) >= 0 and float(weight.max()) <= 1
            low += int((weight < 1).sum())
        else:
            assert torch.equal(mixed[name], common[name])
    assert low > 0
    statistics = [name for name in own if is_head(name) and "running" in name]
    assert statistics and not differ(own, mixed, statistics)


def test_metafed_sends_networks_around_the_ring_and_then_the_common_one(angiograms):
    clients, optimisers, server = party(angiograms, {"strategy": "metafed"})
    updates = rounds(clients, optimisers, server, 1)
    name = "encoder.levels.0.0.weight"
    for site in range(3):
        assert torch.equal(server.message(site, 1)[name], updates[(site - 1) % 3].state[name])
    assert server.rounds == 4
    assert torch.equal(server.message(0, 2)[name], updates[2].state[name])
    before = state_of(clients[0].net)
    clients[0].begin(server.message(0, 1), 1)
    assert not differ(before, state_of(clients[0].net), mean_names(clients[0]))
    assert clients[0]._teacher is not None
    data = clients[0].data(batch(clients[0]))
    seen = clients[0].net.see(data[0], 0)
    clients[0].keys = copy.copy(clients[0].keys)
    clients[0].round = 3  # the common model teaches, whatever its loss
    assert float(clients[0]._taught(seen, *data).detach()) > 0


def test_a_site_that_sends_no_numbers_or_nothing_is_left_out(angiograms, capsys):
    clients, optimisers, server = party(angiograms, {"strategy": "fedavg"})
    good = rounds(clients, optimisers, server, 1)
    broken = {
        name: value * float("nan") if value.is_floating_point() else value
        for name, value in good[1].state.items()
    }
    assert server.gather([good[0], Update(1, broken, 6), None], 1) == ["siteB", "siteC"]
    name = "encoder.levels.0.0.weight"
    assert torch.equal(server.net.state_dict()[name], good[0].state[name])
    said = capsys.readouterr().out
    assert said.count("round 2: siteB, siteC left out of the average") == 1
    before = state_of(server.net)
    assert server.gather([None, None, None], 2) == ["siteA", "siteB", "siteC"]
    assert (
        not differ(before, state_of(server.net), before) and "global model stays" in capsys.readouterr().out
    )


def test_a_site_with_a_loss_that_is_no_number_leaves_the_round_and_the_run_goes_on(
    angiograms, tmp_path, capsys
):
    torch.manual_seed(0)
    own = job(angiograms, {"strategy": "fedavg"})
    made = plan(own)
    client, real = made.module.clients[1], made.module.clients[1]._loss

    def broken(seen, image, label):
        return real(seen, image, label) * (float("nan") if client.round == 1 else 1.0)

    client._loss = broken
    report = fit(own, made, tmp_path / "runs", tmp_path)
    said = capsys.readouterr().out
    assert said.count("site 2 leaves this round") == 1 and said.count("siteB left out") == 1
    state = load_file(tmp_path / "weights.safetensors")
    assert all(bool(value.isfinite().all()) for value in state.values()) and report["steps"] == 8


class Killed(Exception):
    pass


@pytest.mark.parametrize("method", [FEDICRA, {"strategy": "metafed"}], ids=["aa", "metafed"])
def test_a_killed_run_ends_as_one_that_was_not(angiograms, tmp_path, method):
    own, ended = job(angiograms, method), {}
    for name, deaths in (("whole", [None]), ("killed", [5, None])):
        for death in deaths:
            torch.manual_seed(0)
            made = plan(own)
            step = made.module.training_step

            def and_die(batch, number, made=made, step=step, death=death):
                if death is not None and made.module.current_epoch * 4 + number == death:
                    raise Killed
                return step(batch, number)

            made.module.training_step = and_die
            if death is None:
                fit(own, made, tmp_path / name / "runs", tmp_path / name)
            else:
                with pytest.raises(Killed):
                    fit(own, made, tmp_path / name / "runs", tmp_path / name)
        ended[name] = load_file(tmp_path / name / "weights.safetensors")
    assert ended["whole"].keys() == ended["killed"].keys()
    assert all(torch.equal(ended["whole"][key], ended["killed"][key]) for key in ended["whole"])


def test_every_switch_changes_what_is_learned(angiograms, tmp_path):
    scr, whole = {**NET, "scr": True}, FEDICRA["weights"]
    methods = {
        "fedavg": {}, "fedprox": {"strategy": "fedprox", "mu": 1.0}, "central": {"strategy": "central"},
        "local": {"strategy": "local"}, "full": {"strategy": "local", "labels": "full"},
        "aa": {**FEDICRA, "net": NET, "weights": {}}, "scr": {"net": scr, "weights": {"con": 1.0}},
        "aa_scr": {**FEDICRA, "weights": {"con": 1.0}}, "tree": {**FEDICRA, "weights": {**whole, "crf": 0.0}},
        "crf": {**FEDICRA, "weights": {**whole, "tree": 0.0}}, "fedicra": FEDICRA,
    }  # fmt: skip
    hashes = {}
    for name, method in methods.items():
        own = job(angiograms, method, train={"steps": 4, "epoch_steps": 4})
        hashes[name] = train(own, tmp_path / name / "runs", tmp_path / name)["weights_hash"]
    assert len(set(hashes.values())) == len(methods)
    report = read_json(tmp_path / "fedicra/train.json")
    assert report["learned"]["measure"] == "val_dice" and report["parameters"] > 8502


def test_what_is_tested_is_the_servers_or_the_sites(angiograms, tmp_path):
    for name, method in (("fedavg", {}), ("fedicra", FEDICRA)):
        own = job(angiograms, method, train={"steps": 4, "epoch_steps": 4})
        train(own, tmp_path / name / "runs", tmp_path / name)
        predict(own, tmp_path / name / "weights.safetensors", tmp_path / name / "found")
        cases = SiteImages(own)
        net = networks(cases, learned(own))
        net.load_state_dict(load_file(tmp_path / name / "weights.safetensors"))
        net.eval()
        for site, part in enumerate(cases.parts.values()):
            row = part["test"][0]
            kept = np.load(tmp_path / name / "found" / f"{cases.name(row)}.npz")
            image = torch.from_numpy(cases.pictures([row])).permute(0, 3, 1, 2).float() / 255
            with torch.no_grad():
                seen = (net.server if name == "fedavg" else net.sites[site]).see(image, site)
            assert np.array_equal(kept["labels"], seen.logits.argmax(1)[0].numpy())
            assert np.allclose(kept["embedding"], seen.embedding[0].numpy(), atol=1e-4)
    values = list(score(own, tmp_path / "fedicra/found"))
    assert {value.setting for value in values} == {"siteA", "siteB", "siteC", "avg"}


def test_fine_tuning_goes_on_from_the_global_model_and_counts_from_the_beginning(angiograms, tmp_path):
    own = job(angiograms, {}, train={"steps": 4, "epoch_steps": 4})
    train(own, tmp_path / "runs", tmp_path)
    tuned = job(angiograms, {"strategy": "local"}, previous=tmp_path / "weights.safetensors")
    torch.manual_seed(0)
    made = plan(tuned)
    first = load_file(tmp_path / "weights.safetensors")
    for net in (made.module.net.server, *made.module.net.sites):
        state = net.state_dict()
        assert all(torch.equal(value, first[f"server.{name}"]) for name, value in state.items())
    untrained = made.module._untrained[0].server.state_dict()
    assert not torch.equal(untrained["encoder.levels.0.0.weight"], first["server.encoder.levels.0.0.weight"])
