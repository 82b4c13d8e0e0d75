"""The form ``image_pool``: a pool beside splits, what networks see, layouts; and stand-in fibre bundles."""

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage
from skimage.filters import threshold_otsu

from bad_inputs import said
from image_folders import disc, photo, write
from mlmi2023.classical.tophat import white_tophat
from mlmi2023.cohorts.forms.image_pool import form
from mlmi2023.cohorts.forms.image_pool.options import Tophat
from mlmi2023.cohorts.forms.image_pool.pixels import filled, preprocessed, surroundings
from mlmi2023.cohorts.forms.image_pool.reader import open_pool
from mlmi2023.cohorts.sources.simulators.fibre_bundles.cohort import make_image, simulate
from mlmi2023.cohorts.sources.simulators.fibre_bundles.options import read_options
from mlmi2023.core.errors import InputError
from mlmi2023.core.json_files import read_object
from mlmi2023.core.merging import merge
from mlmi2023.core.yaml_files import read_yaml

ROOT = Path(__file__).parents[2]
READ = {
    "pool": "all/{subject}.png",
    "images": "i/{subject}.png",
    "masks": "m/{subject}.png",
    "threshold": 127,
}


def folder(root, labelled=3, pool=4):
    for number in range(pool):
        write(root / f"all/p{number}.png", photo(number, 24))
    for number in range(labelled):
        write(root / f"i/s{number}.png", photo(50 + number, 24))
        write(root / f"m/s{number}.png", disc(24, 7).astype(np.uint8) * 255)
    return root


def packed(root, split, **read):
    config = {"kind": "folder", "form": "image_pool", "read": {**READ, **read}, "split": split}
    assert all(file.is_file() for file in form.raw_files(config, root))
    form.pack(config, root, root / "packed", "mine")
    return open_pool(root / "packed")


def test_a_top_hat_takes_what_is_narrower_than_its_disc():
    rng = np.random.default_rng(0)
    for radius, shape in ((1, (9, 12)), (4, (20, 17)), (9, (12, 30))):
        y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
        image = rng.random(shape).astype(np.float32)
        theirs = ndimage.white_tophat(image, footprint=x * x + y * y <= radius * radius)
        assert np.allclose(white_tophat(image, radius), theirs, atol=1e-6)
    slope = np.tile(np.linspace(50, 150, 60), (60, 1))
    lines = slope.copy()
    lines[20:24], lines[:, 40:] = lines[20:24] + 60, lines[:, 40:] + 60
    found = white_tophat(lines, 6)
    assert found[20:24, 10:30].min() > 55 and found[40:, 46:].max() < 12, "wide areas and slopes go"


def test_a_pool_lies_beside_splits(tmp_path):
    cohort = packed(folder(tmp_path), {"train": 1, "test": 2}, tophat={"blur": 0.5, "radius": 4})
    assert cohort.splits == ["pool"] * 4 + ["train"] + ["test"] * 2
    assert cohort.subjects == ["p0", "p1", "p2", "p3", "s0", "s1", "s2"]
    assert not cohort.masks[:4].any() and np.array_equal(cohort.masks[4] > 0, disc(24, 7))
    assert np.array_equal(cohort.images[1], photo(1, 24))
    assert np.array_equal(cohort.inputs[1], preprocessed(photo(1, 24), Tophat(blur=0.5, radius=4)))
    facts = dict(read_object(cohort.path / "cohort.json", {})["facts"])
    assert facts["images"] == "4 pool, 1 train, 2 test" and facts["same image in two splits"] == "none"
    form.draw_samples(cohort.path, tmp_path / "s.png")
    assert (tmp_path / "s.png").stat().st_size > 1000
    assert [look.case for look in form.looks(cohort.path)] == cohort.subjects


def test_what_has_a_mask_is_no_part_of_the_pool(tmp_path):
    folder(tmp_path)
    for number in range(3):
        write(tmp_path / f"all/s{number}.png", photo(50 + number, 24))
    assert packed(tmp_path, {"test": 3}).subjects[:4] == ["p0", "p1", "p2", "p3"]
    assert packed(tmp_path, {"test": 3}, pool="{folder}/{subject}.png").subjects[:4] == [
        "all_p0", "all_p1", "all_p2", "all_p3"
    ]  # fmt: skip


def test_dark_structures_of_one_colour_are_turned_bright(tmp_path):
    folder(tmp_path)
    for number in range(4):
        colours = np.stack([photo(number, 30), 255 - photo(number, 30), photo(9, 30)], -1)
        write(tmp_path / f"all/p{number}.png", colours)
    cohort = packed(tmp_path, {"test": 3}, colour="green", invert=True, size=[24, 24])
    assert cohort.images.shape[1:] == (24, 24) and cohort.inputs[0, 12, 12] == 200
    assert cohort.images[0, 12, 12] == 55, "pictures stay as they are"
    grey = preprocessed(photo(0, 24), Tophat(blur=0, radius=3, white=0.9))
    assert grey.max() == 255 and grey.dtype == np.uint8


def test_what_lies_outside_of_the_field_is_not_seen():
    grey = np.where(disc(60, 26), 120, 3).astype(np.uint8)
    grey[28:32] = np.minimum(grey[28:32], 60)  # a dark structure, from edge to edge
    grey[20, 30] = 0  # a dark spot within the field
    outside = surroundings(grey, 20)
    assert outside[0].all() and not outside[disc(60, 20)].any() and not outside[20, 30]
    found = filled(grey, outside)
    assert (found[0] == 120).all() and found[30, 0] == 60 and np.array_equal(found[~outside], grey[~outside])
    seen = preprocessed(255 - found, Tophat(blur=0, radius=6, white=0.99), outside)
    assert seen[30, 30] > 100 and not seen[outside].any() and not seen[10:18, 24:36].any()
    assert not surroundings(np.zeros((5, 5), np.uint8), 20).any()


@pytest.mark.parametrize(
    ("read", "says"),
    [
        ({"pool": None}, "read.pool is missing"),
        ({"pool": "none/{subject}.png"}, "no file fits"),
        ({"classes": {255: "bundle"}}, "one of read.classes and read.threshold"),
        ({"tophat": {"radius": 0}}, "read.tophat.radius"),
        ({"colour": "violet"}, "read.colour"),
        ({"threshold": 255}, "no tested mask shows"),
        ({"images": "all/{subject}.png", "masks": "all/{subject}.png"}, "the masks are the images"),
    ],
)
def test_mistakes_are_one_line(tmp_path, read, says):
    folder(tmp_path)
    config = {"kind": "folder", "form": "image_pool", "split": {"test": 3}, "read": {**READ, **read}}
    said(lambda: form.pack(config, tmp_path, tmp_path / "packed", "mine"), says)


def test_the_releases_layout_is_read(tmp_path):
    config = read_yaml(ROOT / "config/cohorts/ocm_wm.yaml")["paper"]
    config["layout"] = read_yaml(ROOT / "resources/datasets/ocm_wm.yaml")
    below, names = tmp_path / "AIP_annotated_data_cleaned_splitted", {}
    for number, split in enumerate(("train", "train", "valid", "test")):
        names[split] = name = f"roi_{number:04d}_exp_2018-05-15_Brain01_z30_A0{number}"
        write(below / f"{split}/images/{name}.png", photo(number, 60))
        write(below / f"{split}/labels/{name}.png", disc(60).astype(np.uint8) * 255)
        write(tmp_path / f"Data_OCM_ALL/roi/{name}.png", photo(number, 60))
    for number, side in enumerate((60, 60, 90)):
        write(tmp_path / f"Data_OCM_ALL/mosaics/brain_08_z{number}.png", photo(number + 20, side))
    small = merge(config, {"read": {"size": [40, 40]}})
    assert len(form.raw_files(small, tmp_path)) == 8 + 3
    form.pack(small, tmp_path, tmp_path / "packed", "ocm_wm")
    cohort = open_pool(tmp_path / "packed")
    assert cohort.splits == ["pool"] * 3 + ["train"] * 2 + ["val", "test"]
    assert cohort.subjects[-1] == names["test"] and cohort.images.shape == (7, 40, 40)
    assert cohort.masks[-1].any() and cohort.inputs[0].max() > 240


def drawn(seed=0, **more):
    return make_image(np.random.default_rng(seed), read_options({"options": {"size": 64, **more}}))


def test_grey_values_do_not_tell_bundles_from_clutter():
    speckle = {"looks": [900, 900], "grain": 0.0}
    plain = {"light": {"slope": [0, 0], "corners": [0, 0]}, "speckle": speckle, "tissue": {"texture": [0, 0]}}
    bundles, clutter, dice = [], [], []
    for seed in range(12):
        image, mask, about = drawn(seed, bundles={"gap": [0, 0]}, **plain)
        assert mask.mean() == pytest.approx(about["share"]) and about["clutter"] > 0
        bright = image > 255 * 0.45
        bundles.append(image[mask & bright].mean())
        clutter.append(image[ndimage.binary_erosion(bright & ~ndimage.binary_dilation(mask))].mean())
        found = image > threshold_otsu(image)
        dice.append(2 * (found & mask).sum() / (found.sum() + mask.sum()))
    assert abs(np.nanmean(bundles) - np.nanmean(clutter)) < 12, "as bright as each other"
    assert np.mean(dice) < 0.95, "so a threshold finds both, even in even light"


def test_light_falls_off_and_bundles_are_long():
    lit = drawn(
        1, light={"slope": [0.7, 0.7], "corners": [0, 0]}, speckle={"looks": [900, 900], "grain": 0.0}
    )
    dark = ndimage.uniform_filter(lit[0].astype(float), 16)
    assert dark.max() > 2 * dark.min()
    for seed in range(4):
        mask = drawn(seed)[1]
        parts, count = ndimage.label(mask)
        largest = max(ndimage.find_objects(parts), key=lambda box: box[0].stop - box[0].start)
        assert count <= 4 and max(s.stop - s.start for s in largest) > 16


def test_bytes_do_not_depend_on_processes_and_the_pool_has_no_masks(tmp_path):
    config = {"seed": 2, "subjects": {"pool": 3, "train": 1, "val": 1, "test": 1}, "options": {"size": 32}}
    for threads in (1, 2):
        simulate(config, tmp_path / str(threads), threads)
    files = sorted(f.relative_to(tmp_path / "1") for f in (tmp_path / "1").rglob("*") if f.is_file())
    assert all((tmp_path / "1" / f).read_bytes() == (tmp_path / "2" / f).read_bytes() for f in files)
    assert len(list((tmp_path / "1/pool").iterdir())) == 3 == len(list((tmp_path / "1/masks").iterdir()))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"size": 8}, r"options\.size: 8 is not between"),
        ({"level": [0.9, 0.5]}, r"options\.level: \[0\.9, 0\.5\] is not a pair"),
        ({"bundles": {"crossing": 2}}, r"options\.bundles\.crossing: 2 is not between 0 and 1"),
        ({"bundles": {"count": [0, 2]}}, "an image without bundles has no Dice"),
        ({"cell": {}}, "unknown option 'cell'"),
    ],
)
def test_wrong_options_are_one_line(options, says):
    with pytest.raises(InputError, match=says):
        read_options({"options": options})
