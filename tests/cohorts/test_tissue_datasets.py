"""NCT-CRC-HE and pairs of SHIFT as they lie on disk: from empty trees, and from small files."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mlmi2023.cohorts.forms.tissue import form
from mlmi2023.cohorts.forms.tissue.reader import open_tissue
from mlmi2023.core.errors import InputError
from mlmi2023.core.merging import merge
from mlmi2023.core.yaml_files import read_yaml

ROOT = Path(__file__).parents[2]
FOLDERS = ("ADI", "BACK", "DEB", "LYM", "MUC", "MUS", "NORM", "STR", "TUM")
TRAIN, TEST = "NCT-CRC-HE-100K/{0}/{0}-AAAF{1}.tif", "CRC-VAL-HE-7K/{0}/{0}-TCGA-AAIC{1}.tif"


def setup(cohort, **change):
    """Return the configuration of a cohort of a public dataset, with its layout."""
    own = read_yaml(ROOT / f"config/cohorts/{cohort}.yaml")["paper"]
    layout = read_yaml(ROOT / f"resources/datasets/{own['dataset']}.yaml")
    return merge({**own, "layout": layout}, change)


def nct(root):
    """Write an empty tree of NCT-CRC-HE, three patches of each tissue and part."""
    for folder in FOLDERS:
        for pattern, letters in ((TRAIN, "BCD"), (TEST, "EFG")):
            for letter in letters:
                file = root / pattern.format(folder, letter)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.touch()
                mask = root / "hovernet" / folder / file.with_suffix(".png").name
                mask.parent.mkdir(parents=True, exist_ok=True)
                mask.touch()


def fewer(config):
    """Let two patches validate in the place of 5000."""
    name = config.get("variant", "patches")
    sources = [dict(source) for source in config["layout"]["variants"][name]["read"]["sources"]]
    sources[0]["split"] = {"train": "rest", "val": 2}
    return merge(config, {"read": {"sources": sources}})


@pytest.mark.parametrize("cohort, files", [("nct_patches", 54), ("nct_cells", 108)])
def test_an_empty_tree_of_nct_is_found_whole(tmp_path, cohort, files):
    nct(tmp_path)
    found = form.raw_files(fewer(setup(cohort)), tmp_path)
    assert len(found) == files and all(file.is_file() for file in found)


def test_nct_s_tissues_parts_and_cells(tmp_path):
    nct(tmp_path)
    rng = np.random.default_rng(0)
    for file in tmp_path.rglob("*.tif"):
        Image.fromarray(rng.integers(0, 255, (24, 24, 3), np.uint8)).save(file)
        types = np.zeros((24, 24), np.uint8)
        types[3:6, 3:6], types[10:14, 10:14] = 1, 5
        Image.fromarray(types).save(tmp_path / "hovernet" / file.parent.name / file.with_suffix(".png").name)
    form.pack(fewer(setup("nct_cells")), tmp_path, tmp_path / "packed", "nct")
    own = open_tissue(tmp_path / "packed")
    assert (
        own.tissue_names[0] == "adipose" and own.tissue_names[-1] == "tumour" and len(own.tissue_names) == 9
    )
    assert [len(own.rows(split)) for split in ("train", "val", "test")] == [25, 2, 27]
    # those of the second part are tested, and no other
    assert {name for row, name in enumerate(own.subjects) if own.splits[row] == "test"} == {
        f"{folder}-TCGA-AAIC{letter}" for folder in FOLDERS for letter in "EFG"
    }
    assert own.tissues[own.subjects.index("STR-AAAFC")] == "stroma"
    assert own.classes["cells"] == ["neoplastic", "inflammatory", "connective", "dead", "epithelial"]
    assert own.maps["cells"][0, 4, 4] == 1 and own.maps["cells"][0, 12, 12] == 5


def shift(root, picture=None):
    rows = ["image,patient,split"]
    for number, split in enumerate(("train", "train", "val", "test")):
        for folder in ("he", "panck"):
            file = root / f"{folder}/{number:04d}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch()
            if picture:
                Image.fromarray(picture(folder, number)).save(file)
        rows.append(f"{number:04d}.png,slide{number},{split}")
    (root / "patches.csv").write_text("\n".join(rows) + "\n")


def test_pairs_of_shift_from_an_empty_tree_and_from_files(tmp_path):
    shift(tmp_path)
    config = setup("shift_pairs")
    found = form.raw_files(config, tmp_path)
    assert len(found) == 9 and all(file.is_file() for file in found)

    def picture(folder, number):
        own = np.full((256, 256, 3) if folder == "he" else (256, 256), 40 * number + 9, np.uint8)
        own[::2] += 3
        return own

    shift(tmp_path, picture)
    form.pack(config, tmp_path, tmp_path / "packed", "shift")
    own = open_tissue(tmp_path / "packed")
    assert own.images.shape == (4, 224, 224, 3) and own.paired["panck"].shape == (4, 224, 224)
    assert own.splits == ["train", "train", "val", "test"] and own.groups[3] == "slide3"
    assert abs(int(own.paired["panck"][3].mean()) - 130) < 3


def test_a_pair_without_its_stain_is_said(tmp_path):
    shift(tmp_path)
    (tmp_path / "panck/0002.png").unlink()
    with pytest.raises(InputError, match=r"0002\.png: has no file .*panck/0002\.png"):
        form.raw_files(setup("shift_pairs"), tmp_path)
