"""Trainings that methods and datasets share: where weights lie, what is refused, each made once."""

import argparse
from pathlib import Path

import pytest

from mlmi2023.__main__ import Runner
from mlmi2023.core.config import Settings
from mlmi2023.core.errors import InputError
from mlmi2023.core.merging import merge
from mlmi2023.core.yaml_files import read_yaml
from mlmi2023.tasks import chain

ROOT = Path(__file__).parents[2]
PAPER, METHODS = "nio_reg", ["one", "twin", "other"]
TWO = {"coarse": {"steps": 2}, "fine": {"steps": 4}}


def settings(datasets=None, scale="demo", **methods):
    """Return the settings of a paper with three networks of one kind on two datasets."""
    both: dict = {key: {"methods": METHODS} for key in ("oasis_to_lpba", "lpba_to_lpba")}
    both |= dict.fromkeys(("lpba_to_oasis", "dirlab"))
    net = {"kind": "lapirn", "channels": 4}
    rows = {name: {"kind": "learned", "net": net} for name in METHODS}
    over = {"datasets": merge(both, datasets or {}), "methods": merge(rows, methods), "figures": None}
    config = merge(read_yaml(ROOT / "config/config.yaml"), {"scale": scale, "papers": [PAPER]})
    return Settings(merge(config, {"overrides": {PAPER: over}}), ROOT)


def trained(made, dataset, method, stage="main"):
    return tuple(made.trained_as(PAPER, dataset, method, stage))


def test_a_stage_is_its_own_unless_it_is_said_to_be_anothers():
    made = settings(twin={"stages": {"main": {"of": "one"}}}, one={"train": {"steps": 56}})
    assert trained(made, "oasis_to_lpba", "other") == ("oasis_to_lpba", "other", "main")
    assert trained(made, "oasis_to_lpba", "twin") == ("oasis_to_lpba", "one", "main")
    assert made.schedule(PAPER, "oasis_to_lpba", "twin")["steps"] == 56
    assert made.schedule(PAPER, "oasis_to_lpba", "other")["steps"] == 56


def test_one_stage_of_several_and_the_last_one_of_another():
    own = {"pretrain": {"of": "one"}, "fine": {"steps": 8}}
    made = settings(twin={"stages": own}, one={"stages": TWO})
    assert made.stages(PAPER, "oasis_to_lpba", "twin") == ["pretrain", "fine"]
    assert trained(made, "oasis_to_lpba", "twin", "pretrain") == ("oasis_to_lpba", "one", "fine")
    assert trained(made, "oasis_to_lpba", "twin", "fine") == ("oasis_to_lpba", "twin", "fine")
    made = settings(twin={"stages": {"coarse": {"of": "one"}, "end": {}}}, one={"stages": TWO})
    assert trained(made, "oasis_to_lpba", "twin", "coarse") == ("oasis_to_lpba", "one", "coarse")
    named = {"pretrain": {"of": "one", "stage": "coarse"}, "end": {}}
    made = settings(twin={"stages": named}, one={"stages": TWO})
    assert trained(made, "oasis_to_lpba", "twin", "pretrain") == ("oasis_to_lpba", "one", "coarse")


def test_another_datasets_training_and_one_that_is_shared_in_turn():
    there = {"stages": {"main": {"of": "one", "dataset": "oasis_to_lpba"}}}
    chain = {"lpba_to_lpba": {"method_options": {"one": there, "twin": {"stages": {"main": {"of": "one"}}}}}}
    made = settings(chain)
    assert trained(made, "lpba_to_lpba", "twin") == ("oasis_to_lpba", "one", "main")


@pytest.mark.parametrize(
    ("method", "said"),
    [
        ({"stages": {"main": {"of": "onee"}}}, "unknown method 'onee'; did you mean 'one'"),
        (
            {"stages": {"main": {"of": "one", "dataset": "lpba_lpba"}}},
            "unknown dataset 'lpba_lpba'; did you mean 'lpba_to_lpba'",
        ),
        ({"stages": {"main": {"of": "one", "stage": "mian"}}}, "no stage 'mian'; did you mean 'main'"),
        ({"stages": {"main": {"of": "truth"}}}, "'truth' is not trained"),
        ({"stages": {"main": {"dataset": "lpba_to_lpba"}}}, "name the method"),
        ({"stages": {"main": {"of": "one", "steps": 9}}}, "'steps' has no effect"),
        ({"stages": {"main": {"of": "twin"}}}, "break the circle"),
        ({"stages": {"main": {"of": "other"}}}, "break the circle"),
        (
            {"stages": {"main": {"of": "one"}}, "net": {"channels": 8}},
            "option 'net.channels' is 8 here and 4 there",
        ),
        ({"stages": {"main": {"of": "one"}}, "reach": 3}, "option 'reach' is 3 here and None there"),
        (
            {"stages": {"a": {"of": "one"}, "b": {}}, "net": {"channels": 8}},
            "option 'net.channels' is 8 here and 4 there",
        ),
    ],
)
def test_what_cannot_be_shared_is_one_line_when_the_config_is_read(method, said):
    other = {"stages": {"main": {"of": "twin"}}} if "other" in str(method) else {}
    made = settings(twin=method, other=other)
    for _ in range(2):  # a second look does not let it pass
        with pytest.raises(InputError, match=said) as error:
            made.paper(PAPER)
        assert "\n" not in str(error.value)


def test_a_stage_that_is_not_the_last_may_serve_methods_that_differ_elsewhere():
    made = settings(twin={"stages": {"coarse": {"of": "one"}, "end": {}}, "reach": 3}, one={"stages": TWO})
    assert trained(made, "oasis_to_lpba", "twin", "coarse") == ("oasis_to_lpba", "one", "coarse")


def test_brains_of_one_domain_are_learned_from_once():
    config = merge(read_yaml(ROOT / "config/config.yaml"), {"scale": "bench", "papers": [PAPER]})
    made = Settings(config, ROOT)
    for method in ("lapirn", "mpr", "ulae"):
        assert trained(made, "lpba_to_lpba", method) == ("lpba_to_oasis", method, "main")
        # what trains and what validates is the same for both
        both = (made.paper(PAPER)["datasets"][name] for name in ("lpba_to_lpba", "lpba_to_oasis"))
        one, two = ({**setup["task"], "test": None, "cohort": setup["cohort"]} for setup in both)
        assert one == two
        assert made.schedule(PAPER, "lpba_to_oasis", method) == made.schedule(PAPER, "lpba_to_lpba", method)


def test_without_the_engine_it_is_trained_once_and_only_on_its_own_cohort(tmp_path, monkeypatch):
    import mlmi2023.__main__ as main

    trainings, evaluated = [], {}

    def train(job, runs, out):
        trainings.append((job.dataset, job.method, job.stage, job.previous))
        out.mkdir(parents=True)
        (out / "train.json").touch()

    def evaluate(job, weights, predictions, scores):
        evaluated[job.dataset, job.method] = weights.relative_to(tmp_path / "out/models")

    monkeypatch.setattr(main, "train", train)
    monkeypatch.setattr(main, "evaluate", evaluate)
    (tmp_path / "own.yaml").write_text(
        """
overrides:
  nio_reg:
    seeds: [0]
    datasets:
      oasis_to_lpba: {methods: [lapirn]}
      lpba_to_oasis: {methods: [lapirn]}
      lpba_to_lpba: {methods: [lapirn]}
      dirlab:
        methods: [lapirn]
        method_options: {lapirn: {stages: {main: {of: lapirn, dataset: oasis_to_lpba}}}}
    figures: {fig2: null, fig3: null}
"""
    )

    def run(*datasets):
        asked = argparse.Namespace(
            paper=PAPER, data=tmp_path, out=tmp_path / "out", scale="demo", methods=None, seeds=None,
            threads=1, configfile=[tmp_path / "own.yaml"], datasets=list(datasets), device="cpu",
        )  # fmt: skip
        Runner(asked).run()

    with pytest.raises(InputError, match="--datasets oasis_to_lpba"):
        run("dirlab")
    run("lpba_to_lpba")
    assert trainings == [("lpba_to_oasis", "lapirn", "main", None)]
    run("lpba_to_oasis", "lpba_to_lpba", "oasis_to_lpba")
    run("dirlab")
    assert [dataset for dataset, *_ in trainings] == ["lpba_to_oasis", "oasis_to_lpba"]
    where = {dataset: str(file).split("/")[0] for (dataset, _), file in evaluated.items()}
    assert where == {
        "oasis_to_lpba": "oasis_to_lpba",
        "lpba_to_oasis": "lpba_to_oasis",
        "lpba_to_lpba": "lpba_to_oasis",
        "dirlab": "oasis_to_lpba",
    }


def test_used_methods_that_share_a_training_each_get_its_weights():
    weights = "models/d/one/seed-0_fold-0/main/weights.safetensors"
    folders = [f"predictions/d/{name}/seed-0_fold-0" for name in ("twin", "table", "one")]
    found = chain._used({"used": folders, "used_weights": [weights] * 2}, ["twin", "one"])
    assert {name: used.weights for name, used in found.items()} == {
        "twin": Path(weights),
        "table": None,
        "one": Path(weights),
    }
