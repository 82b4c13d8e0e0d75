"""Configuration: merging, validation, and what a method gets."""

import pytest

from mlmi2023.core.config import at_scale
from mlmi2023.core.errors import InputError
from mlmi2023.core.merging import merge
from mlmi2023.core.yaml_files import read_yaml
from preflight_root import ROOT, settings


def test_merge_goes_deep_and_leaves_its_inputs_alone():
    base = {"a": {"b": 1, "c": 2}, "d": [1]}
    assert merge(base, {"a": {"b": 3}, "d": [2]}) == {"a": {"b": 3, "c": 2}, "d": [2]}
    assert base == {"a": {"b": 1, "c": 2}, "d": [1]}


def test_another_kind_replaces_instead_of_mixing_options():
    base = {"decoder": {"kind": "bspline", "spacing": 3}}
    assert merge(base, {"decoder": {"kind": "direct"}}) == {"decoder": {"kind": "direct"}}
    assert merge(base, {"decoder": {"kind": "bspline", "x": 1}})["decoder"]["spacing"] == 3


def test_scale_is_laid_on_all():
    assert at_scale({"all": {"x": 1, "y": 1}, "demo": {"y": 2}}, "demo") == {"x": 1, "y": 2}
    assert at_scale({"all": {"x": 1}}, "bench") == {"x": 1}


@pytest.mark.parametrize("scale", ["demo", "bench", "paper"])
def test_every_paper_is_valid_at_every_scale(scale):
    chosen = settings(scale=scale, papers="all")
    for slug in chosen.papers:
        paper = chosen.paper(slug)
        for dataset, setup in paper["datasets"].items():
            chosen.cohort(setup["cohort"])
            for method in setup["methods"]:
                for stage in chosen.stages(slug, dataset, method):
                    assert chosen.schedule(slug, dataset, method, stage)["steps"] > 0


def test_the_dataset_decides_on_the_decoder():
    chosen = settings(scale="paper")
    assert chosen.method("defxattn_reg", "ixi", "tm_dca")["decoder"]["kind"] == "bspline"
    oasis = chosen.method("defxattn_reg", "oasis", "tm_dca")["decoder"]
    assert oasis == {"kind": "time_varying", "steps": 12}


def test_all_methods_of_a_dataset_share_one_training_schedule():
    for scale in ("demo", "bench", "paper"):
        chosen = settings(scale=scale)
        for dataset, setup in chosen.paper("defxattn_reg")["datasets"].items():
            trained = [m for m in setup["methods"] if chosen.stages("defxattn_reg", dataset, m)]
            schedules = [chosen.schedule("defxattn_reg", dataset, m) for m in trained]
            assert all(s == schedules[0] for s in schedules)


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"scales": "demo"}, "unknown key 'scales'; did you mean 'scale'"),
        ({"batch": 0}, "key 'batch' is 0"),
        ({"papers": ["nope"]}, "unknown paper 'nope'"),
        ({"overrides": {"nope": {}}}, "unknown paper 'nope'"),
    ],
)
def test_mistakes_name_the_key(changes, line):
    with pytest.raises(InputError, match=line):
        settings(**changes)


def test_a_method_that_does_not_exist_is_named():
    changes = {"overrides": {"defxattn_reg": {"datasets": {"ixi": {"methods": ["tm_dcaa"]}}}}}
    with pytest.raises(InputError, match="did you mean 'tm_dca'"):
        settings(**changes).paper("defxattn_reg")


def test_a_cohort_without_this_scale_says_so():
    with pytest.raises(InputError, match="says nothing about scale 'demo'"):
        settings(scale="demo").cohort("ixi")


def test_broken_yaml_is_one_line(tmp_path):
    (tmp_path / "x.yaml").write_text("a: [1,\nb: }")
    with pytest.raises(InputError, match="not valid YAML") as caught:
        read_yaml(tmp_path / "x.yaml")
    assert "\n" not in str(caught.value)


def test_a_cohort_may_be_like_another_and_a_paper_like_another_scale():
    own = {"like": "brain_adults", "preprocess": {"grid": {"shape": [40, 48, 40], "spacing": 4.0}}}
    over = {"like": "demo", "seeds": [0, 1], "datasets": {"ixi": {"cohort": "own"}}}
    chosen = settings(scale="bench", cohorts={"own": own}, overrides={"defxattn_reg": over})
    cohort = chosen.cohort("own")
    assert cohort["simulator"] == "brain" and cohort["preprocess"]["grid"]["spacing"] == 4.0
    assert cohort["subjects"] == chosen.cohort("brain_adults")["subjects"]
    demo = settings(scale="demo")
    assert chosen.method("defxattn_reg", "ixi", "tm_dca") == demo.method("defxattn_reg", "ixi", "tm_dca")
    assert chosen.paper("defxattn_reg")["seeds"] == [0, 1]
    assert chosen.fingerprint("defxattn_reg") != demo.fingerprint("defxattn_reg")
    with pytest.raises(InputError, match="did you mean 'brain_adults'"):
        settings(cohorts={"own": {"like": "brain_adult"}}).cohort("own")
    with pytest.raises(InputError, match=r"overrides\.defxattn_reg\.like"):
        settings(overrides={"defxattn_reg": {"like": "small"}}).paper("defxattn_reg")


def test_the_fingerprint_is_of_what_decides_numbers():
    plain = settings(scale="bench")
    words = {"overrides": {"defxattn_reg": {"summary": "other words"}}}
    numbers = {"overrides": {"defxattn_reg": {"train": {"steps": 7}}}}
    assert settings(scale="bench", **words).fingerprint("defxattn_reg") == plain.fingerprint("defxattn_reg")
    assert settings(scale="bench", **numbers).fingerprint("defxattn_reg") != plain.fingerprint("defxattn_reg")


@pytest.mark.parametrize("file", ["bench_cpu.yaml"])
def test_our_own_config_files_are_valid(file):
    chosen = settings(**read_yaml(ROOT / "config" / file))
    for slug in chosen.papers:
        for setup in chosen.paper(slug)["datasets"].values():
            chosen.cohort(setup["cohort"])
