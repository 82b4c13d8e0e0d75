"""The form ``bscans``: stacks in MATLAB files, Duke's layout, and what is wrong with them."""

import numpy as np
import pytest
from scipy.io import savemat

from bad_inputs import damaged, reads_or_says, said
from mlmi2023.cohorts.forms.bscans import form
from mlmi2023.cohorts.forms.images.reader import open_images
from mlmi2023.core.files import read_json
from mlmi2023.core.merging import merge
from mlmi2023.core.yaml_files import read_yaml
from preflight_root import ROOT

SPLIT = {"train": 2, "val": 1, "test": 1}


def stack(number, count=5):
    """What Duke's files hold of a patient: NaN wherever nobody drew, labels of regions where somebody did."""
    rng = np.random.default_rng(number)
    images = rng.integers(30, 200, (24, 36, count)).astype(np.uint8)
    fluid = np.full((24, 36, count), np.nan)
    layers = np.full((8, 36, count), np.nan)
    for scan in (1, 3):
        layers[:, 5:30, scan] = 9.0
    # the last has layers and no fluid
    fluid[..., 1] = 0
    fluid[4:10, 6:18, 1] = 1
    fluid[14:20, 20:30, 1] = 2
    drawn = {"manualFluid1": fluid, "manualFluid2": fluid[::-1].copy()}
    return {"images": images, **drawn, "manualLayers1": layers, "manualLayers2": layers}


def write(root, **changes):
    (root / "2015_BOE_Chiu").mkdir(parents=True, exist_ok=True)
    for number in range(1, 5):
        savemat(
            root / f"2015_BOE_Chiu/Subject_{number:02d}.mat",
            {**stack(number), **changes},
            do_compression=True,
        )
    return root


def duke(root, **more):
    config = read_yaml(ROOT / "config/cohorts/duke_dme.yaml")["paper"]
    layout = read_yaml(ROOT / "resources/datasets/duke_dme.yaml")
    small = {"split": SPLIT, "read": {"size": [24, 36]}}
    return merge(merge({**config, "layout": layout}, small), more)


def packed(root, **more):
    config = duke(root, **more)
    form.pack(config, root, root / "packed", "duke")
    return open_images(root / "packed")


def test_annotated_scans_of_dukes_files_become_images(tmp_path, capsys):
    root = write(tmp_path)
    assert len(form.raw_files(duke(root), root)) == 4
    cohort = packed(root)
    assert len(cohort) == 8 and cohort.classes == ["fluid"] and cohort.images.shape == (8, 24, 36, 1)
    assert sorted(cohort.subjects) == [f"{n:02d}_{scan:02d}" for n in range(1, 5) for scan in (2, 4)]
    assert sorted(cohort.splits) == ["test"] * 2 + ["train"] * 4 + ["val"] * 2
    for group in set(cohort.groups):
        assert len({s for s, g in zip(cohort.splits, cohort.groups) if g == group}) == 1
    row = cohort.subjects.index("03_02")
    assert np.array_equal(cohort.images[row, ..., 0], stack(3)["images"][..., 1])
    assert np.array_equal(cohort.masks[row] > 0, np.nan_to_num(stack(3)["manualFluid1"][..., 1]) > 0)
    assert not cohort.masks[cohort.subjects.index("03_04")].any()
    assert "03: 2 of 5 B-scans are annotated" in capsys.readouterr().out
    facts = dict(read_json(cohort.path / "cohort.json")["facts"])
    assert facts["patients"] == "4" and facts["resized"] == "nothing"
    form.draw_samples(root / "packed", tmp_path / "samples.png")
    assert (tmp_path / "samples.png").stat().st_size > 1000


def test_the_other_grader_another_size_and_files_of_ones_own(tmp_path):
    root = write(tmp_path)
    other = packed(root, variant="grader2")
    assert np.array_equal(
        other.masks[0], np.nan_to_num(stack(int(other.groups[0]))["manualFluid2"][..., 1]) > 0
    )
    own = {"volumes": "2015_BOE_Chiu/Subject_{subject}.mat", "masks": "manualFluid1", "size": [16, 16]}
    config = {"kind": "folder", "form": "bscans", "read": own, "split": SPLIT}
    form.pack(config, root, root / "mine", "mine")
    mine = open_images(root / "mine")
    # without 'drawn', a scan without a drawn structure counts as not annotated
    assert len(mine) == 4 and mine.images.shape[1:] == (16, 16, 1) and mine.classes == ["foreground"]
    assert all(mask.any() for mask in mine.masks)


def test_a_tree_of_empty_files_is_found(tmp_path):
    (tmp_path / "2015_BOE_Chiu").mkdir()
    for number in range(1, 11):
        (tmp_path / f"2015_BOE_Chiu/Subject_{number:02d}.mat").touch()
    config = duke(tmp_path, split={"train": 8, "val": 1, "test": 1})
    assert len(form.raw_files(config, tmp_path)) == 10
    (missing,) = form.raw_files(config, tmp_path / "elsewhere")
    assert missing.name == "Subject_01.mat" and not missing.exists()
    said(lambda: packed(tmp_path), "Subject_", "cannot be read as a MATLAB file")


@pytest.mark.parametrize(
    ("changes", "more", "words"),
    [
        ({}, {"read": {"masks": "fluid"}}, ("no variable 'fluid'",)),
        ({"images": "x"}, {}, ("'images' is no numerical array of 3 axes",)),
        ({"images": np.ones((24, 36, 5)) * 0.5}, {}, ("'images' holds 0.5 to 0.5", "0 to 255")),
        ({"images": np.full((24, 36, 5), 4000) + np.arange(5)}, {}, ("4000 to 4004", "0 to 255")),
        ({"images": np.zeros((24, 30, 5))}, {}, ("(24, 36, 5)", "(24, 30, 5)")),
        ({"manualLayers1": np.ones((8, 36, 4))}, {}, ("'manualLayers1' has 4 B-scans",)),
        ({"manualLayers1": np.full((8, 36, 5), np.nan)}, {}, ("no B-scan is annotated",)),
        ({"manualFluid1": np.zeros((24, 36, 5))}, {}, ("no B-scan shows fluid", "read.masks")),
        ({}, {"variant": "grader3"}, ("'variant' is 'grader3'", "grader2")),
        ({}, {"read": {"volume": "a"}}, ("did you mean 'volumes'",)),
        ({}, {"split": {"train": 9, "test": 1}}, ("asks for 11 subjects but 4",)),
        ({}, {"split": None}, ("no splits",)),
    ],
)
def test_what_is_wrong_is_one_line(tmp_path, changes, more, words):
    root = write(tmp_path, **changes)
    said(lambda: packed(root, **more), *words)
    assert not (root / "packed").exists()


def test_damaged_files_are_read_or_refused(tmp_path):
    root = write(tmp_path)
    file = root / "2015_BOE_Chiu/Subject_02.mat"

    def attempt(data):
        file.write_bytes(data)
        form.pack(duke(root), root, tmp_path / "again", "duke")

    assert reads_or_says(attempt, damaged(file.read_bytes(), 40)) <= 40
