"""One process a site, joined by Flower: the same global weights, and a site that ends in the middle."""

import importlib.util
import os
import subprocess
import sys

import pytest

from fedicra_data import FEDICRA, job, packed
from mlmi2023.core.errors import InputError
from mlmi2023.core.files import read_json
from mlmi2023.papers.fedicra.cases import SiteImages
from mlmi2023.papers.fedicra.flower.launch import job_of
from mlmi2023.papers.fedicra.flower.site import batches, client_of, unpacked
from mlmi2023.papers.fedicra.flower.site import packed as arrays
from mlmi2023.papers.fedicra.strategies import state_of
from mlmi2023.papers.fedicra.train import plan
from mlmi2023.tasks.chain import train
from mlmi2023.training.data.seeded import SeededSamples

needs_flower = pytest.mark.skipif(
    importlib.util.find_spec("flwr") is None, reason="Flower is not installed; pip install -r envs/flower.txt"
)


@pytest.fixture(scope="module")
def angiograms(tmp_path_factory):
    return packed(tmp_path_factory.mktemp("angiograms"))


def test_a_site_alone_draws_what_it_draws_among_others(angiograms):
    own = job(angiograms, FEDICRA, train={"batch": 3})
    whole = SeededSamples(plan(own).train, own.seed)
    cases = SiteImages(own)
    for site in range(3):
        client = client_of(own, site)
        assert len(client.data) == len(cases.parts[cases.sites[site]]["train"])
        found = list(batches(own, client, 3, 1))  # steps 3 and 4 of all
        for step, batch in enumerate(found, 2):
            for place in range(3):
                item = whole[step * 3 + place]
                assert batch["row"][place] == item["row"][site]
                assert bool((batch["draw"][place] == item["draw"][site]).all())
    state = state_of(client.net)
    back = unpacked(arrays(state), list(state))
    assert all(bool((back[name] == value).all()) for name, value in state.items())


def test_without_flower_or_sites_it_is_one_line(angiograms, tmp_path):
    train(job(angiograms, train={"steps": 2, "epoch_steps": 2}), tmp_path / "runs", tmp_path)
    assert (
        job_of(tmp_path / "train.json", angiograms).key()
        == job(angiograms, train={"steps": 2, "epoch_steps": 2}).key()
    )
    with pytest.raises(InputError, match="no such file"):
        job_of(tmp_path / "none.json", angiograms)
    if importlib.util.find_spec("flwr") is None:
        done = launched(tmp_path, angiograms)
        assert done.returncode == 1 and done.stderr.splitlines()[-1].startswith(
            "error: Flower is not installed"
        )


def launched(place, data, **more):
    command = [sys.executable, "-m", "mlmi2023.papers.fedicra.flower", str(place / "train.json")]
    return subprocess.run(
        [*command, "--data", str(data), "--out", str(place / "flower")],
        capture_output=True, text=True, timeout=600, env={**os.environ, **more}, check=False,
    )  # fmt: skip


@needs_flower
def test_one_process_a_site_ends_with_the_same_global_weights(angiograms, tmp_path):
    train(job(angiograms, FEDICRA, train={"steps": 4, "epoch_steps": 4}), tmp_path / "runs", tmp_path)
    done = launched(tmp_path, angiograms)
    assert done.returncode == 0, done.stderr[-2000:]
    found = read_json(tmp_path / "flower/flower.json")
    assert found["same"] is True and set(found["sites"].values()) == {0}
    assert all(one["bytes_in"] == one["bytes_out"] > 3 * 4 * 8000 for one in found["rounds"])


@needs_flower
def test_a_site_that_ends_is_left_out_and_the_others_go_on(angiograms, tmp_path):
    train(job(angiograms, train={"steps": 4, "epoch_steps": 4}), tmp_path / "runs", tmp_path)
    done = launched(tmp_path, angiograms, FEDICRA_LEAVES="1:1")
    assert done.returncode == 2, done.stderr[-2000:]
    found = read_json(tmp_path / "flower/flower.json")
    assert [one["left_out"] for one in found["rounds"]] == [[], ["siteB"]]
    assert "siteB left out of the average" in done.stdout and found["sites"]["siteB"] == 3
