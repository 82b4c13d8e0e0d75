"""Where images and masks lie: the examples' layouts on small data, patterns, subjects, tiles, sizes."""

from pathlib import Path

import numpy as np
import pytest

from bad_inputs import said
from image_folders import disc, folder, packed, photo, replace, write
from mlmi2023.cohorts.find.patterns import find
from mlmi2023.cohorts.forms.images import form
from mlmi2023.cohorts.forms.images.reader import open_images
from mlmi2023.core.files import read_json
from mlmi2023.core.merging import merge
from mlmi2023.core.yaml_files import read_yaml

ROOT = Path(__file__).parents[2]


def example(name, root, change):
    """Pack what lies in ``root`` as an example of the configuration says, with smaller numbers."""
    setup = merge(read_yaml(ROOT / f"config/examples/{name}.yaml")["cohorts"][name], change)
    assert all(file.is_file() for file in form.raw_files(setup, root))
    form.pack(setup, root, root / "packed", name)
    return open_images(root / "packed")


def facts(cohort):
    return dict(read_json(cohort.path / "cohort.json")["facts"])


def test_both_eyes_of_a_child_are_on_one_side(tmp_path, capsys):
    for child in range(1, 6):
        for eye in "LR":
            image = photo(10 * (eye == "R"), 24)
            write(tmp_path / f"Image_{child:02d}{eye}.jpg", np.stack([image] * 3, -1)[:20], quality=95)
            mask = disc(24)[:20] & (np.arange(24) < 12 if eye == "L" else np.arange(24) >= 12)
            write(tmp_path / f"Image_{child:02d}{eye}_1stHO.png", mask)
            write(tmp_path / f"Image_{child:02d}{eye}_2ndHO.png", ~mask)
    cohort = example(
        "retina_eyes", tmp_path, {"read": {"size": [20, 12]}, "split": {"train": 3, "val": 1, "test": 1}}
    )
    assert cohort.subjects[:3] == ["01_L", "01_R", "02_L"] and cohort.groups[:3] == ["01", "01", "02"]
    assert cohort.splits == ["train"] * 6 + ["val"] * 2 + ["test"] * 2
    left, right = (cohort.masks[row] > 0 for row in (0, 1))
    assert left[12, :6].any() and not left[:, 6:].any() and right[12, 6:].any() and not right[:, :6].any()
    assert facts(cohort)["eye"] == "L: 3 train, 1 val, 1 test; R: 3 train, 1 val, 1 test"
    line = "resized: 10 images of 20 x 24 to 20 x 12, aspect changes by up to 2.00"
    assert line in capsys.readouterr().out and facts(cohort)["resized"] in line


def test_ultrasound_with_two_masks_of_an_image(tmp_path):
    left, right = disc(24), disc(24)
    left[:, 12:], right[:, :12] = False, False
    kinds = {"benign": [disc(24)], "malignant": [left, right], "normal": [np.zeros((24, 24), bool)]}
    for kind, masks in kinds.items():
        for number in (1, 2, 10):
            name = tmp_path / kind / f"{kind} ({number})"
            write(Path(f"{name}.png"), np.stack([photo(number, 24)] * 3, -1))
            for place, mask in enumerate(masks):
                write(Path(f"{name}_mask{f'_{place}' if place else ''}.png"), mask)
    split = {"train": 5, "val": 2, "test": "rest"}
    cohort = example("breast_ultrasound", tmp_path, {"read": {"size": [24, 24]}, "split": split})
    assert sorted(cohort.subjects) == sorted(f"{kind} ({n})" for kind in kinds for n in (1, 2, 10))
    assert cohort.subjects == cohort.groups
    for subject, mask in zip(cohort.subjects, cohort.masks):
        assert np.array_equal(mask > 0, kinds[subject.split()[0]][0] | kinds[subject.split()[0]][-1])
    assert "benign: " in facts(cohort)["class"] and "resized" not in facts(cohort)


def test_large_histology_is_cut_into_tiles_that_stay_together(tmp_path):
    rng = np.random.default_rng(0)
    whole = {}
    for name, shape in (("TCGA-1", (40, 56)), ("TCGA-2", (40, 40)), ("TCGA-10", (44, 40))):
        whole[name] = rng.integers(0, 255, (*shape, 3)).astype(np.uint8), rng.random(shape) > 0.7
        write(tmp_path / f"images/{name}.png", whole[name][0])
        write(tmp_path / f"masks/{name}.png", whole[name][1])
    tiles = {"size": [24, 24], "stride": [16, 16]}
    split = {"train": 1, "val": 1, "test": 1}
    cohort = example(
        "histology_tiles", tmp_path, {"read": {"tiles": tiles}, "split": split, "split_seed": None}
    )
    assert cohort.groups == ["TCGA-1"] * 6 + ["TCGA-2"] * 4 + ["TCGA-10"] * 6
    assert cohort.splits == ["train"] * 6 + ["val"] * 4 + ["test"] * 6
    assert cohort.subjects[:4] == ["TCGA-1_y0_x0", "TCGA-1_y0_x16", "TCGA-1_y0_x32", "TCGA-1_y16_x0"]
    for tile, group, image, mask in zip(cohort.subjects, cohort.groups, cohort.images, cohort.masks):
        top, left = (int(part[1:]) for part in tile.split("_")[1:])
        place = slice(top, top + 24), slice(left, left + 24)
        assert np.array_equal(image, whole[group][0][place]) and np.array_equal(
            mask > 0, whole[group][1][place]
        )
    # the last row ends at the edge
    assert (
        cohort.subjects[-1] == "TCGA-10_y20_x16" and facts(cohort)["tiles"] == "16 of 24 x 24 from 3 images"
    )
    setup = {"read": {"images": "images/{subject}.png", "masks": "masks/{subject}.png"}, "split": {"test": 3}}
    setup["read"]["tiles"] = {"size": [48, 24]}
    said(lambda: form.pack(setup, tmp_path, tmp_path / "c", "c"), "TCGA-1.png", "40 x 56", "read.tiles.size")


def test_masks_may_lie_in_several_places(tmp_path):
    root = folder(tmp_path)
    for number in range(0, 6, 2):
        write(root / f"n/s{number}.png", ~disc())
    cohort = packed(root, {"masks": ["m/{subject}.png", "n/{subject}.png"]})
    assert cohort.masks[0].all() and np.array_equal(cohort.masks[1] > 0, disc())


def test_folders_named_by_split(tmp_path):
    for number in range(4):
        place = tmp_path / ("Training" if number else "Testing")
        write(place / f"photos/a{number}.png", photo(number))
        write(place / f"masks/a{number}.png", disc())
    read = {"images": "{split}/photos/{subject}.png", "masks": "{split}/masks/{subject}.png"}
    split = {"train": "Training", "test": "Testing"}
    assert packed(tmp_path, read, split=split).splits == ["train"] * 3 + ["test"]
    write(tmp_path / "Testing/photos/a1.png", photo())
    write(tmp_path / "Testing/masks/a1.png", disc())
    said(lambda: packed(tmp_path, read, split=split), "'a1' names", "Testing/photos/a1.png", "rename one")


def test_a_subject_lies_in_one_folder(tmp_path):
    for place, eye in (("Training", "L"), ("Testing", "R")):
        write(tmp_path / f"{place}/a_{eye}.png", photo())
        write(tmp_path / f"{place}/m/a_{eye}.png", disc())
    read = {"images": "{split}/{subject}_{eye}.png", "masks": "{split}/m/{subject}_{eye}.png"}
    split = {"train": "Training", "test": "Testing"}
    said(lambda: packed(tmp_path, read, split=split), "'a'", "Testing and Training", "keep it in one")


def test_masks_that_a_smaller_size_loses_are_counted(tmp_path, capsys):
    root = folder(tmp_path)
    dot = np.zeros((20, 20), np.uint8)
    dot[3, 3] = 255
    replace(root, "m/s4", dot)
    cohort = packed(root, {"size": [8, 8]})
    assert facts(cohort)["masks lost by resizing"] == "1 (s4)" and "1 (s4)" in capsys.readouterr().out
    replace(root, "p/s3", photo(3, 24))
    replace(root, "m/s3", disc(24))
    said(lambda: packed(root), "different sizes (20 x 20, 24 x 24)", "read.size", "read.tiles")
    cohort = packed(root, {"size": [24, 24]})
    assert facts(cohort)["resized"] == "5 images of 20 x 20 to 24 x 24, aspect stays"


FILES = ["s1.png", "s1_a.png", "s10_a.png", "s2 (1)_a.png", "x_12.png", "x_2.png", "12.png"]

# pattern, values that are known, subjects and files found
PATTERNS = {
    "a plain id may hold anything": ("{subject}_a.png", {}, [("s1", 1), ("s2 (1)", 3), ("s10", 2)]),
    "beside a star letters and digits": ("{subject}*_a.png", {}, [("s1", 1), ("s2", 3), ("s10", 2)]),
    "a known id may hold anything": ("{subject}*_a.png", {"subject": "s2 (1)"}, [("s2 (1)", 3)]),
    "s10 is none of s1": ("{subject}*.png", {"subject": "s1"}, [("s1", 0), ("s1", 1)]),
    "an id takes all its digits": ("x*{subject}.png", {}, [("2", 5), ("12", 4)]),
    "12 is none of 2": ("*{subject}.png", {"subject": "2"}, [("2", 5)]),
    "the rest of a word may follow an empty star": ("{subject}*_a.png", {"subject": "s1"}, [("s1", 1)]),
    "several fields": ("{subject}_{kind}.png", {"kind": "a"}, [("s1", 1), ("s2 (1)", 3), ("s10", 2)]),
    "the same twice": ("{subject}{subject}.png", {}, []),
}


@pytest.mark.parametrize("case", PATTERNS)
def test_patterns_have_one_reading(tmp_path, case):
    pattern, bound, wanted = PATTERNS[case]
    for name in FILES:
        (tmp_path / name).touch()
    found = [
        (m.subject, FILES.index(Path(m.path).name))
        for m in find(tmp_path, pattern, ("subject", "kind"), bound)
    ]
    assert found == wanted
