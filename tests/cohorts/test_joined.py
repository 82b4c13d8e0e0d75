"""Joined cohorts: rows, splits and labels of the parts stay apart; the workflow plans the parts."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mlmi2023.cohorts.forms.joined import form as joined
from mlmi2023.cohorts.forms.volumes.reader import open_packed
from mlmi2023.cohorts.seal import seal
from mlmi2023.core.config import Settings
from mlmi2023.core.errors import InputError
from mlmi2023.core.merging import merge
from mlmi2023.core.yaml_files import read_yaml
from nio_reg_data import CONFIG, SPLITS, make_blobs, make_joined

ROOT = Path(__file__).parents[2]


def test_parts_keep_their_images_splits_and_labels(tmp_path):
    whole = open_packed(make_joined(tmp_path))
    a, b = (open_packed(tmp_path / f"blobs_{p}/packed") for p in "ab")
    assert whole.splits == [f"{p}-{s}" for p in "ab" for s in SPLITS] and whole.subjects[8] == "b-00"
    assert (whole.images("T1w")[3] == a.images("T1w")[3]).all()
    assert (whole.images("T1w")[11] == b.images("T1w")[3]).all()
    assert (whole.landmarks[9] == b.landmarks[1]).all()
    assert whole.label_names == {1: "large", 2: "small", 5: "core", 1001: "large", 1002: "small"}
    assert (whole.labels[2] == a.labels[2]).all()
    other = np.asarray(b.labels[2]).astype(int)
    assert (whole.labels[10] == np.where(np.isin(other, [1, 2]), other + 1000, 0)).all()
    joined.draw_samples(whole.path, tmp_path / "samples.png")
    assert (tmp_path / "samples.png").stat().st_size > 5000


def test_the_hash_follows_the_parts_and_the_labels_that_are_kept(tmp_path):
    first = open_packed(make_joined(tmp_path)).content_hash
    joined.pack(CONFIG, tmp_path, tmp_path / "again", "blobs")
    assert open_packed(tmp_path / "again").content_hash == first
    every = {**CONFIG, "parts": {"a": {"cohort": "blobs_a"}, "b": {"cohort": "blobs_b"}}}
    joined.pack(every, tmp_path, tmp_path / "every", "blobs")
    assert open_packed(tmp_path / "every").content_hash != first


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"parts": {}}, "parts"),
        ({"parts": {"a": {"cohort": "blobs_a", "label": [1]}}}, "parts.a"),
        ({"parts": {"a": {"cohort": "blobs_a", "labels": [7]}}}, "names 7"),
        ({"parts": {"a": {"cohort": "blobs_a"}, "c": {"cohort": "coarse"}}}, "one grid"),
        ({"parts": {"a": {"cohort": "blobs_a"}, "c": {"cohort": "other"}}}, "no image in common"),
        ({"parts": {"a": {"cohort": "absent"}}}, "no packed cohort"),
        ({"parts": {"a": {"cohort": "blobs_a"}, "c": {"cohort": "bare"}}}, "part 'c' has no labels"),
        ({"parts": {"c": {"cohort": "bare"}, "a": {"cohort": "blobs_a"}}}, "part 'c' has no labels"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(tmp_path, change, said):
    make_joined(tmp_path)
    changes = ("coarse", "spacing", [3.0] * 3), ("other", "modalities", ["T2w"]), ("bare", "labels", {})
    for name, key, value in changes:
        folder = make_blobs(tmp_path / f"{name}/packed", name, 3)
        seal(folder, {**json.loads((folder / "cohort.json").read_text()), key: value}, "")
    with pytest.raises(InputError, match=said) as error:
        joined.pack({**CONFIG, **change}, tmp_path, tmp_path / "out", "blobs")
    assert "\n" not in str(error.value) and not (tmp_path / "out").exists()


def test_a_change_of_a_part_changes_the_papers_fingerprint():
    config = merge(read_yaml(ROOT / "config/config.yaml"), {"papers": ["nio_reg"]})
    before = Settings(config, ROOT)
    assert {"brain_shift", "brains_a", "brains_b"} <= set(before.cohorts_of("nio_reg"))
    own = {"cohorts": {"brains_b": {"like": "brains_b", "seed": 1}}}
    assert Settings(merge(config, own), ROOT).fingerprint("nio_reg") != before.fingerprint("nio_reg")


def test_the_workflow_plans_the_parts():
    command = [str(Path(sys.executable).with_name("snakemake")), "-n", "--cores", "1"]
    target = "results/nowhere/demo/cohorts/brain_shift/packed"
    run = subprocess.run(
        [*command, target, "--config", "results=results/nowhere"],
        cwd=ROOT, capture_output=True, text=True, env=dict(os.environ),
    )  # fmt: skip
    assert run.returncode == 0, run.stderr[-2000:]
    for part in ("brains_a", "brains_b", "brain_shift"):
        assert f"pack the cohort {part} into arrays" in run.stdout


def test_lpba40_is_read_as_published(tmp_path):
    from mlmi2023.cohorts.find.index import index_cohort

    root = tmp_path / "LPBA40/delineation_space"
    for number in range(1, 41):
        for kind in ("skullstripped", "structure.label"):
            for end in ("hdr", "img"):
                file = root / f"S{number:02d}/S{number:02d}.delineation.{kind}.{end}"
                file.parent.mkdir(parents=True, exist_ok=True)
                file.touch()
    own = merge(
        read_yaml(ROOT / "config/cohorts/lpba40.yaml")["paper"],
        {"layout": read_yaml(ROOT / "resources/datasets/lpba40.yaml")},
    )
    records = index_cohort("lpba40", own, tmp_path)
    assert [sum(r.split == s for r in records) for s in ("train", "val", "test")] == [20, 3, 17]
    # the paper's atlases are tested
    assert {"24", "25"} <= {r.subject for r in records if r.split == "test"}
    with pytest.raises(InputError, match="LPBA40"):
        index_cohort("lpba40", own, tmp_path / "nowhere")
