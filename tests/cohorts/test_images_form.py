"""Cohorts of 2D images: formats, masks, splits, what is refused; and the dermoscopy stand-in."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mlmi2023.cohorts.forms.images import form
from mlmi2023.cohorts.forms.images.facts import facts_of
from mlmi2023.cohorts.forms.images.reader import open_images
from mlmi2023.cohorts.sources.make import make_cohort
from mlmi2023.cohorts.sources.simulators.dermoscopy.cohort import make_image
from mlmi2023.cohorts.sources.simulators.dermoscopy.options import read_options
from mlmi2023.core.errors import InputError
from mlmi2023.core.yaml_files import read_yaml

ROOT = Path(__file__).parents[2]


def disc(size=20, radius=6):
    y, x = np.mgrid[:size, :size]
    return (x - size / 2) ** 2 + (y - size / 2) ** 2 < radius**2


def ramp(rows=20, columns=20):
    """An image that is not blank."""
    return np.linspace(0, 250, rows * columns).reshape(rows, columns).astype(np.uint8)


def write(path, array, **how):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path, **how)


@pytest.fixture
def folder(tmp_path):
    for number in range(6):
        image = np.full((20, 20, 3), 10 * number, np.uint8)
        image[disc()] = 200
        write(tmp_path / f"raw/photos/p{number}.jpg", image, quality=95)
        write(tmp_path / f"raw/truth/p{number}_seg.png", disc().astype(np.uint8) * 255)
    return tmp_path


def config(**more):
    read = {"images": "photos/{subject}.jpg", "masks": "truth/{subject}_seg.png", **more.pop("read", {})}
    return {
        "kind": "folder",
        "form": "images",
        "read": read,
        "split": {"train": 3, "val": 1, "test": 2},
        **more,
    }


def packed(folder, setup):
    form.pack(setup, folder / "raw", folder / "packed", "mine")
    return open_images(folder / "packed")


def test_images_and_masks_are_packed_by_split(folder):
    cohort = packed(folder, config())
    assert cohort.splits == ["train"] * 3 + ["val"] + ["test"] * 2
    assert cohort.subjects[:3] == ["p0", "p1", "p2"] and cohort.images.shape == (6, 20, 20, 3)
    assert np.array_equal(cohort.masks[0], disc()) and cohort.classes == ["foreground"]
    assert abs(int(cohort.images[3][0, 0, 0]) - 30) < 6
    assert list(cohort.rows("test")) == [4, 5]
    form.draw_samples(folder / "packed", folder / "samples.png")
    assert (folder / "samples.png").stat().st_size > 1000


def test_a_seed_shuffles_and_the_hash_follows_the_content(folder):
    first = packed(folder, config()).content_hash
    shuffled = packed(folder, config(split_seed=3))
    assert shuffled.content_hash != first and sorted(shuffled.subjects) == [f"p{n}" for n in range(6)]
    assert packed(folder, config()).content_hash == first


def test_a_table_of_splits_and_sources_with_their_own(folder):
    (folder / "raw/mine.csv").write_text("subject,split\np5,train\np1,test\np0,val\np3,\n")
    cohort = packed(folder, config(split=None, split_file="mine.csv"))
    assert dict(zip(cohort.subjects, cohort.splits)) == {"p5": "train", "p1": "test", "p0": "val"}
    for number in range(2):
        write(folder / f"raw/other/q{number}.tif", np.stack([ramp()] * 3, axis=-1) + np.uint8(number))
        write(folder / f"raw/other/q{number}.gif", disc().astype(np.uint8) * 255)
    sources = [
        {
            "images": "photos/{subject}.jpg",
            "masks": "truth/{subject}_seg.png",
            "split": {"train": 4, "val": 2},
        },
        {"images": "other/{subject}.tif", "masks": "other/{subject}.gif", "split": {"test": "rest"}},
    ]
    cohort = packed(folder, {"kind": "folder", "form": "images", "read": {"sources": sources}})
    assert cohort.splits == ["train"] * 4 + ["val"] * 2 + ["test"] * 2
    assert np.array_equal(cohort.masks[7], disc())
    assert (
        dict(facts_of(cohort.images, cohort.masks, cohort.splits, ["x"]))["same image in two splits"]
        == "none"
    )


def test_several_masks_of_an_image_are_united_and_instances_keep_no_number(folder):
    left, right = disc(), disc()
    left[:, 10:], right[:, :10] = False, False
    write(folder / "raw/nuclei/a/images/a.png", ramp())
    write(folder / "raw/nuclei/a/masks/1.png", left.astype(np.uint8) * 255)
    write(folder / "raw/nuclei/a/masks/2.png", right.astype(np.uint8) * 255)
    read = {
        "images": "nuclei/{subject}/images/{subject}.png",
        "masks": "nuclei/{subject}/masks/*.png",
        "grey": True,
    }
    cohort = packed(folder, config(read=read, split={"test": 1}))
    assert np.array_equal(cohort.masks[0], disc()) and cohort.images.shape == (1, 20, 20, 1)


def test_classes_by_value_sizes_and_sixteen_bits(folder):
    labels = np.zeros((20, 20), np.uint8)
    labels[2:10, 2:10], labels[12:16] = 7, 3
    write(folder / "raw/k/i/a.png", (np.arange(400).reshape(20, 20) * 150).astype(np.uint16))
    write(folder / "raw/k/m/a.png", labels)
    read = {
        "images": "k/i/{subject}.png",
        "masks": "k/m/{subject}.png",
        "classes": {3: "b", 7: "a"},
        "size": [40, 10],
        "range": [0, 65535],
    }
    cohort = packed(folder, config(read=read, split={"test": 1}))
    assert cohort.masks.shape == (1, 40, 10) and cohort.classes == ["b", "a"]
    assert cohort.masks[0][10, 2] == 2 and cohort.masks[0][26, 5] == 1 and cohort.masks[0].max() == 2
    assert cohort.images[0].max() > 200
    with pytest.raises(InputError, match="holds the value 7"):
        packed(folder, config(read={**read, "classes": {3: "b"}}, split={"test": 1}))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"read": {"images": "photos/{subject}.bmp"}}, "no file fits"),
        ({"read": {"images": "photos/all.jpg"}}, "it needs {subject}"),
        ({"read": {"mask": "x"}}, "did you mean 'masks'"),
        ({"split": {"train": 9}}, "asks for 9 subjects"),
        ({"split": None}, "set 'split'"),
        ({"read": {"size": [4, 4]}}, "at least 8"),
    ],
)
def test_mistakes_in_the_config_are_one_line_and_leave_nothing(folder, change, message):
    with pytest.raises(InputError, match=message):
        packed(folder, config(**change))
    assert not (folder / "packed").exists()


def test_broken_files_are_named(folder):
    file = folder / "raw/photos/p2.jpg"
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"p2\.jpg.*cut off or broken"):
        packed(folder, config())
    file.write_bytes(b"no image")
    with pytest.raises(InputError, match=r"p2\.jpg.*no readable image"):
        packed(folder, config())
    file.write_bytes(whole)
    write(folder / "raw/truth/p3_seg.png", disc(24).astype(np.uint8))
    with pytest.raises(InputError, match=r"p3_seg\.png: has 24 x 24 pixels, its image 20 x 20"):
        packed(folder, config())
    (folder / "raw/truth/p3_seg.png").unlink()
    with pytest.raises(InputError, match="has no mask"):
        packed(folder, config())


@pytest.mark.parametrize("name", ["isic2017", "isic2018_384", "isic2017_official"])
def test_isic_is_read_in_its_published_layout(tmp_path, name):
    setup = read_yaml(ROOT / f"config/cohorts/{name}.yaml")["paper"]
    setup["layout"] = read_yaml(ROOT / f"resources/datasets/{setup['dataset']}.yaml")
    setup["read"] = {"size": [16, 16]}
    read = setup["layout"]["variants"][setup.get("variant", "training")]["read"]
    for source in read.get("sources", [read]):
        for number in range(3):
            subject = f"ISIC_{number + 10 * len(source['images']):07d}"
            write(
                tmp_path / "raw" / source["images"].format(subject=subject),
                np.stack([ramp(20, 30)] * 3, axis=-1),
            )
            mask = np.zeros((20, 30), np.uint8)
            mask[:10] = 255
            write(tmp_path / "raw" / source["masks"].format(subject=subject), mask)
    if "split" in setup:
        setup["split"] = {"train": 1, "val": 1, "test": 1}
    files = form.raw_files(setup, tmp_path / "raw")
    assert len(files) == 6 * len(read.get("sources", [read])) and all(f.exists() for f in files)
    cohort = packed(tmp_path, setup)
    assert set(cohort.splits) == {"train", "val", "test"} and cohort.classes == ["lesion"]
    assert cohort.masks[0][:7].all() and not cohort.masks[0][9:].any()
    empty = form.raw_files(setup, tmp_path / "nowhere")
    assert empty and not any(f.exists() for f in empty)


def simulated(tmp_path, threads=1, **options):
    setup = {"kind": "simulated", "form": "images", "simulator": "dermoscopy", "seed": 5}
    setup |= {"subjects": {"train": 7, "val": 1, "test": 2}, "options": {"size": 48, **options}}
    make_cohort(setup, tmp_path / "raw", threads)
    form.pack(setup, tmp_path / "raw", tmp_path / "packed", "skin")
    return open_images(tmp_path / "packed")


def test_the_stand_in_is_the_same_whatever_the_threads(tmp_path):
    one = simulated(tmp_path / "a")
    two = simulated(tmp_path / "b", threads=2)
    assert one.content_hash == two.content_hash and one.splits.count("test") == 2
    share = np.array([(m > 0).mean() for m in one.masks])
    assert share.min() > 0.02 and share.max() < 0.7
    (tmp_path / "a/raw/masks/d00001.png").unlink()
    with pytest.raises(InputError, match="d00001"):
        form.pack({"kind": "folder", "form": "images"}, tmp_path / "a/raw", tmp_path / "c", "skin")


def drawn(seed, **options):
    return make_image(np.random.default_rng(seed), read_options({"options": {"size": 64, **options}}))


def test_a_fading_border_is_the_ellipses_and_cannot_be_seen():
    """Along the arc the image hardly changes across the border; elsewhere it does."""
    plain = {
        "hair": {"share": 0}, "ruler": {"share": 0}, "bubbles": {"share": 0}, "corners": {"share": 0},
        "spots": {"count": [0, 0]}, "noise": [0.0, 0.0], "light": {"texture": [0.0, 0.0], "vessels": 0.0},
        "lesion": {"contrast": [0.4, 0.4], "softness": [0.01, 0.01], "texture": [0.0, 0.0]},
    }  # fmt: skip

    def edge(share):
        found = []
        for seed in range(12):
            image, mask, _ = drawn(seed, fade={"share": share, "arc": [350, 360], "depth": [1, 1]}, **plain)
            rows = np.flatnonzero(mask[:, 32])
            inside, outside = rows[0] + 1, max(rows[0] - 2, 0)
            found.append(abs(image[inside, 32].mean() - image[outside, 32].mean()))
        return np.mean(found)

    assert edge(1.0) < 0.25 * edge(0.0)


def test_spots_are_no_part_of_the_truth_and_options_are_checked():
    with_spots, mask, _ = drawn(3, spots={"count": [5, 5], "contrast": [1, 1]})
    from scipy import ndimage

    assert ndimage.label(mask)[1] == 1 and with_spots.dtype == np.uint8
    with pytest.raises(InputError, match="did you mean 'hair'"):
        drawn(0, hairs={})
    with pytest.raises(InputError, match="lower and an upper"):
        drawn(0, tone=[0.5, 0.1])
    with pytest.raises(InputError, match="not between 0 and 1"):
        drawn(0, ruler={"share": 2})
