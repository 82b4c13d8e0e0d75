"""The simulators' kit: options are closed and typed, patients draw for themselves, order does not matter."""

from functools import partial

import pytest

from mlmi2023.cohorts.sources.make import make_cohort
from mlmi2023.cohorts.sources.simulators.kit.options import read_options
from mlmi2023.cohorts.sources.simulators.kit.patients import Patient, plan
from mlmi2023.cohorts.sources.simulators.kit.work import run
from mlmi2023.core.errors import InputError

DEFAULTS = {
    "size": 2.0,
    "range": [0.1, 0.2],
    "axes": ["RAS"],
    "crop": True,
    "bend": [{"sigma": 4.0, "amplitude": 1.0}],
    "noise": {"sd": [1, 2], "length": 0.5},
    "variants": {},
}


def drawn(patient: Patient, times: int) -> tuple[str, float]:
    return patient.name, times * float(patient.random(3).random())


def test_options_are_laid_on_the_defaults_which_stay_as_they_are():
    found = read_options({"options": {"size": 3, "noise": {"length": 1}, "variants": {"a": 1}}}, DEFAULTS)
    assert found["size"] == 3 and found["noise"] == {"sd": [1, 2], "length": 1}
    found["noise"]["sd"].append(3)
    assert DEFAULTS["noise"]["sd"] == [1, 2] and read_options({}, DEFAULTS) == DEFAULTS


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"sise": 1}, "options: unknown option 'sise'; did you mean 'size'"),
        ({"noise": {"lenght": 1}}, r"options\.noise: unknown option 'lenght'; did you mean 'length'"),
        ({"noise": 3}, r"options\.noise: 3 is not a mapping"),
        ({"size": "2"}, r"options\.size: '2' is not a number"),
        ({"size": True}, r"options\.size: true is not a number"),
        ({"size": None}, r"options\.size: null is not a number"),
        ({"crop": 1}, r"options\.crop: 1 is not true or false"),
        ({"range": 0.1}, r"options\.range: 0\.1 is not a list"),
        ({"range": [0.1, "x"]}, r"options\.range\[1\]: 'x' is not a number"),
        ({"axes": [1]}, r"options\.axes\[0\]: 1 is not a text"),
        ({"bend": [{"sigma": 1, "amplitud": 2}]}, r"options\.bend\[0\]: unknown option 'amplitud'"),
        ("size", "options: 'size' is not a mapping"),
        ({"size": -2}, r"options\.size: -2 is below 0; the default is 2\.0"),
        ({"range": [0.1]}, r"options\.range: \[0\.1\] is not two numbers"),
        ({"axes": []}, r"options\.axes: \[\] is not a list of one or more"),
    ],
)
def test_wrong_options_are_one_line(options, says):
    with pytest.raises(InputError, match=says) as caught:
        read_options({"options": options}, DEFAULTS)
    assert "\n" not in str(caught.value)


def test_patients_are_planned_by_split_and_draw_for_themselves():
    config = {"seed": 4, "subjects": {"test": 1, "train": 2}}
    assert [(p.name, p.split) for p in plan(config)] == [("001", "test"), ("002", "train"), ("003", "train")]
    ordered = plan(config, "v{}", ("train", "test"), offset=-1)
    assert [(p.number, p.name, p.split) for p in ordered] == [
        (0, "v1", "train"),
        (1, "v2", "train"),
        (2, "v3", "test"),
    ]
    alone = plan({"seed": 4, "subjects": {"train": 1}})[0]
    assert alone.random(1).random() == plan(config)[0].random(1).random()
    streams = {p.random(k).random() for p in plan(config) for k in (0, 1)}
    assert len(streams) == 6 and plan({**config, "seed": 5})[0].random().random() not in streams


@pytest.mark.parametrize(
    ("subjects", "says"),
    [
        ({"trian": 1}, "unknown split 'trian'; did you mean 'train'"),
        ({"train": "many"}, "subjects.train: 'many' is no number"),
        ({"train": -1}, "subjects.train: -1 is no number"),
        ({}, "nobody is planned"),
        ({"train": 0}, "nobody is planned"),
    ],
)
def test_wrong_counts_are_one_line(subjects, says):
    with pytest.raises(InputError, match=says):
        plan({"seed": 1, "subjects": subjects}, splits=("train", "test"))


def test_processes_change_neither_order_nor_content(tmp_path, capsys):
    config = {"seed": 1, "simulator": "made_up", "subjects": {"train": 50}}
    one, two = (run(config, tmp_path / "out", n, partial(drawn, times=2)) for n in (1, 2))
    assert one == two and [name for name, _ in one] == [f"{n:03d}" for n in range(1, 51)]
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 40 and lines[-1] == "made_up: 50/50" and (tmp_path / "out").is_dir()


@pytest.mark.parametrize("name", ["brian", "kit"])
def test_an_unknown_simulator_is_one_line(tmp_path, name):
    with pytest.raises(InputError, match=f"no simulator '{name}'"):
        make_cohort({"kind": "simulated", "simulator": name}, tmp_path / "out", 1)
    assert not (tmp_path / "out").exists()
