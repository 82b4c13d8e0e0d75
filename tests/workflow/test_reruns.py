"""What makes a job run again and what does not: one paper's workflow, with scripts that make empty files."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mlmi2023.core.order import in_order
from tiny_run import checkout

#: in the place of every script
STUB = """
from pathlib import Path

for name in snakemake.output:
    out = Path(name)
    if out.suffix:
        out.touch()
    else:
        out.mkdir(exist_ok=True)
        (out / "made").touch()
"""
COHORT = {
    "kind": "simulated",
    "form": "images",
    "simulator": "dermoscopy",
    "seed": 5,
    "subjects": {"train": 4, "val": 2, "test": 3},
    "options": {"size": 32, "noise": [0.0, 0.01]},
    "read": {"size": [32, 32], "grey": False},
}
CONFIG = {
    "papers": ["skin_transformer"],
    "warm_workers": False,
    "cohorts": {"mine": COHORT},
    "overrides": {
        "skin_transformer": {
            "datasets": {"isic2017": None, "isic2018": {"cohort": "mine", "methods": ["unet"]}}
        }
    },
}
TARGET = "skin_transformer"


def snakemake(place, config, *args):
    (place / "mine.yaml").write_text(json.dumps(config))
    command = [
        Path(sys.executable).with_name("snakemake"),
        TARGET,
        "--cores",
        "2",
        "--configfile",
        "mine.yaml",
    ]
    env = {**os.environ, "PYTHONPATH": str(place / "workflow")}
    run = subprocess.run([*command, *args], cwd=place, capture_output=True, text=True, env=env)
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-2000:]
    return run.stdout + run.stderr


def planned(place, config):
    """The rules that would run."""
    return set(re.findall(r"^([a-z_]+) +\d+$", snakemake(place, config, "-n"), re.MULTILINE)) - {
        "total",
        TARGET,
    }


def backwards(value):
    """The same with every mapping's keys in the other order."""
    if isinstance(value, dict):
        return {key: backwards(value[key]) for key in reversed(value)}
    return value


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    place = checkout(tmp_path_factory.mktemp("reruns"))
    for script in (place / "workflow/scripts").glob("*.py"):
        script.write_text(STUB)
    snakemake(place, CONFIG)
    return place


def test_nothing_is_left_to_do(made):
    assert planned(made, CONFIG) == set()


@pytest.mark.parametrize("part", ["cohort", "whole"])
def test_keys_in_another_order_make_nothing_again(part, made):
    turned = {
        **COHORT,
        "options": dict(reversed(COHORT["options"].items())),
        "read": backwards(COHORT["read"]),
    }
    turned = dict(reversed(turned.items()))
    assert list(turned) != list(COHORT) and turned == COHORT
    config = {**CONFIG, "cohorts": {"mine": turned}}
    assert planned(made, dict(reversed(config.items())) if part == "whole" else config) == set()


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_another_device_makes_nothing_again(device, made):
    assert planned(made, {**CONFIG, "device": device}) == set()


@pytest.mark.parametrize(
    ("key", "value", "rules", "not_rules"),
    [
        ("seed", 6, {"simulate", "pack", "train", "evaluate", "page"}, set()),
        ("options", {"size": 48, "noise": [0.0, 0.01]}, {"simulate", "pack", "train"}, set()),
        ("read", {"size": [48, 48], "grey": False}, {"pack", "qc", "train"}, {"simulate"}),
        ("about", "other words", {"page"}, {"simulate", "pack", "train"}),
    ],
)
def test_another_value_makes_again_what_depends_on_it(key, value, rules, not_rules, made):
    found = planned(made, {**CONFIG, "cohorts": {"mine": {**COHORT, key: value}}})
    assert rules <= found and not not_rules & found, found


def test_copied_results_count_as_made_once_they_are_touched(made, tmp_path):
    clone = checkout(tmp_path / "clone")
    shutil.copytree(made / "workflow/scripts", clone / "workflow/scripts", dirs_exist_ok=True)
    shutil.copytree(made / "results", clone / "results", copy_function=shutil.copy)  # with new times
    assert "train" in planned(clone, CONFIG)
    snakemake(clone, CONFIG, "--touch")
    assert planned(clone, CONFIG) == set()
    assert "train" in planned(clone, {**CONFIG, "cohorts": {"mine": {**COHORT, "seed": 6}}})


def test_only_an_order_that_means_nothing_is_taken_away():
    one = {
        "split": {"val": 1, "train": 2},
        "images": {"T2w": "b", "T1w": "a"},
        "read": {
            "volumes": {"z": "1", "a": "2"},
            "classes": {255: "lesion", 128: "rim"},
            "groups": [{"split": {"out": 1, "dev": 2}, "images": {"T2": "x", "T1": "y"}, "a": 1}],
        },
        "options": {"sites": {"b": 1, "a": 2}, "noise": 1},
    }
    found = in_order(one)
    assert found == one and list(found) == sorted(one)
    assert list(found["images"]) == ["T2w", "T1w"] and list(found["split"]) == ["train", "val"]
    assert list(found["read"]) == ["classes", "groups", "volumes"]
    assert list(found["read"]["volumes"]) == ["z", "a"] and list(found["read"]["classes"]) == [255, 128]
    group = found["read"]["groups"][0]
    assert list(group) == ["a", "images", "split"]
    assert list(group["split"]) == ["out", "dev"] and list(group["images"]) == ["T2", "T1"]
    assert list(found["options"]) == ["noise", "sites"] and list(found["options"]["sites"]) == ["b", "a"]
