"""Photographs of several domains: own folders, public data sets, cohorts side by side; what is refused."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from domain_data import DOMAINS, packed
from mlmi2023.cohorts.find.domains import domain_parts
from mlmi2023.cohorts.forms import raw_files
from mlmi2023.cohorts.forms.domain_images import form
from mlmi2023.cohorts.forms.domain_images.reader import open_domain_images
from mlmi2023.cohorts.forms.joined_domains import form as joined
from mlmi2023.core.errors import InputError
from mlmi2023.core.yaml_files import read_yaml

ROOT = Path(__file__).parents[2]


def photograph(path, seed=0, size=(20, 24)):
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    Image.fromarray(rng.integers(0, 255, (*size, 3), dtype=np.uint8)).save(path)


def mask(path, value=255, size=(20, 24)):
    path.parent.mkdir(parents=True, exist_ok=True)
    array = np.zeros(size, np.uint8)
    array[5:12, 6:15] = value
    Image.fromarray(array).save(path)


def table(path, header, *rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([header, *rows]) + "\n")


def own(read, **more):
    return {"kind": "folder", "form": "domain_images", "read": read, **more}


def opened(folder, config):
    form.pack(config, folder, folder / "packed", "mine")
    return open_domain_images(folder / "packed")


def test_a_table_says_patient_domain_and_grade(tmp_path):
    for name in ("b1", "a1", "a2", "x9"):
        photograph(tmp_path / f"photos/{name}.jpg")
        mask(tmp_path / f"masks/{name}.png")
    table(
        tmp_path / "who.csv",
        "file,person,camera,level",
        "a1.jpg,p1,old,0",
        "a2.jpg,p1,new,2",
        "b1.jpg,p2,new,1",
    )
    read = {
        "images": "photos/{subject}.jpg",
        "table": {
            "file": "who.csv",
            "image": "file",
            "patient": "person",
            "domain": "camera",
            "grade": "level",
        },
        "maps": {"masks": {"files": "masks/{subject}.png", "classes": {255: "nucleus"}}},
        "grades": ["none", "some", "much"],
        "size": [16, 16],
    }
    cohort = opened(tmp_path, own(read))
    found = {s.name: (s.patient, s.domain, int(g)) for s, g in zip(cohort.samples, cohort.grades)}
    # x9 stands in no row
    assert found == {"a1": ("p1", "old", 0), "a2": ("p1", "new", 2), "b1": ("p2", "new", 1)}
    assert cohort.images.shape == (3, 16, 16, 3) and cohort.classes == {"masks": ["nucleus"]}
    assert set(np.unique(cohort.maps["masks"])) == {0, 1}
    form.draw_samples(tmp_path / "packed", tmp_path / "samples.png")
    # who was seen by both cameras is tested and does not train
    samples = [
        *cohort.samples,
        *(s._replace(name=f"n{n}", patient=f"n{n}", domain="old") for n, s in enumerate(cohort.samples)),
    ]
    parts = domain_parts("here", samples, ["new"])
    assert "p1" not in {samples[row].patient for row in parts.with_labels}


def test_names_may_say_domain_and_patient(tmp_path):
    for camera in ("fluorescence", "bright"):
        for who in ("p1", "p2"):
            for eye in ("left", "right"):
                photograph(tmp_path / f"{camera}/{camera}{who}_{eye}.png")
    cohort = opened(tmp_path, own({"images": "{domain}/{subject}_{eye}.png"}))
    assert [s.domain for s in cohort.samples] == ["bright"] * 4 + ["fluorescence"] * 4
    assert cohort.samples[0] == ("brightp1_left", "brightp1", "bright") and not cohort.grade_names


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"images": "photos/{subject}.jpg"}, "nothing says of which domain"),
        ({"domain": "a", "images": "pictures/{subject}.jpg"}, r"no file fits .*pictures/\{subject\}\.jpg"),
        ({"domain": "a", "table": {"file": "who.csv", "image": "name"}}, "has no column 'name'"),
        ({"domain": "a", "table": {"file": "no.csv"}}, r"no such file: .*no\.csv"),
        ({"domain": "a", "table": {"file": "who.csv", "grade": "level"}}, r"'read\.grades' is missing"),
        (
            {"domain": "a", "table": {"file": "who.csv", "grade": "level"}, "grades": ["x", "y"]},
            "has the grade '2'; 'read.grades' names 0 to 1",
        ),
        ({"table": {"file": "who.csv", "domain": "camera"}}, "has no domain; fill it in"),
        (
            {"domain": "a", "maps": {"masks": {"files": "masks/{subject}.png"}}},
            r"has no map .*masks/b\.png; add it",
        ),
        (
            {"domain": "a", "sources": [{"images": "x/{subject}.png", "domain": "b"}]},
            "give one of images and sources",
        ),
        ({"domain": "a", "sizes": [8, 8]}, "unknown key 'read.sizes'"),
        ({"domain": "a"}, "images have different sizes; set 'read.size'"),
    ],
)
def test_mistakes_are_one_line(tmp_path, change, says):
    photograph(tmp_path / "photos/a.jpg")
    photograph(tmp_path / "photos/b.jpg", size=(24, 24))
    mask(tmp_path / "masks/a.png")
    table(tmp_path / "who.csv", "image,camera,level", "a,old,0", "b,,2")
    read = {"images": "photos/{subject}.jpg", "size": [16, 16], **change}
    if change == {"domain": "a"}:
        read.pop("size")
    with pytest.raises(InputError, match=says) as caught:
        opened(tmp_path, own(read))
    assert "\n" not in str(caught.value)


#: by data set: files of images with their names in the table, and the table
LAYOUTS = {
    "aptos": (
        ["train_images/000c1434d8d7.png", "train_images/001639a390f0.png"],
        {"train.csv": ("id_code,diagnosis", "000c1434d8d7,2", "001639a390f0,4")},
        [2, 4],
        2,
    ),
    "eyepacs": (
        ["train/10_left.jpeg", "train/10_right.jpeg", "test/1_left.jpeg"],
        {
            "trainLabels.csv": ("image,level", "10_left,0", "10_right,1"),
            "retinopathy_solution.csv": ("image,level,Usage", "1_left,3,Private"),
        },
        [3, 0, 1],
        2,
    ),
    "messidor": (
        ["Base11/20051019_38557_0100_PP.tif", "Base12/20051020_43808_0100_PP.tif"],
        {
            "Base11/Annotation_Base11.csv": (
                "Image name,Ophthalmologic department,Retinopathy grade,Risk of macular edema",
                "20051019_38557_0100_PP.tif,Service Ophtalmologie Lariboisiere,3,1",
            ),
            "Base12/Annotation_Base12.csv": (
                "Image name,Ophthalmologic department,Retinopathy grade,Risk of macular edema",
                "20051020_43808_0100_PP.tif,Service Ophtalmologie Lariboisiere,0,0",
            ),
        },
        [3, 0],
        2,
    ),
    "messidor2": (
        ["IMAGES/20051020_43808_0100_PP.png", "IMAGES/IM000001.JPG", "IMAGES/IM000002.JPG"],
        {
            "messidor_data.csv": (
                "image_id,adjudicated_dr_grade,adjudicated_dme,adjudicated_gradable",
                "20051020_43808_0100_PP.png,0,0,1",
                "IM000001.jpg,4,1,1",
                "IM000002.jpg,,,0",
            )
        },
        [0, 4],
        2,
    ),
}


def dataset(name, **more):
    layout = read_yaml(ROOT / f"resources/datasets/{name}.yaml")
    shipped = read_yaml(ROOT / f"config/cohorts/{name}.yaml")["paper"]
    return {**shipped, "layout": layout, **more}


@pytest.mark.parametrize("name", LAYOUTS)
def test_public_data_sets_are_read_as_published(tmp_path, name):
    images, tables, grades, patients = LAYOUTS[name]
    for number, file in enumerate(images):
        photograph(tmp_path / file, number, size=(40, 60))
    for file, (header, *rows) in tables.items():
        table(tmp_path / file, header, *rows)
    config = dataset(name)
    assert {f.name for f in raw_files(name, config, tmp_path)} >= {Path(file).name for file in tables}
    cohort = opened(tmp_path, config)
    assert sorted(cohort.grades.tolist()) == sorted(grades) and cohort.images.shape[1:] == (224, 224, 3)
    assert {s.domain for s in cohort.samples} == {name} and len(
        {s.patient for s in cohort.samples}
    ) == patients


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_tree_without_bytes_is_enough_to_plan(tmp_path, name):
    files = [*LAYOUTS[name][0], *LAYOUTS[name][1]]
    for file in files:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    assert set(raw_files(name, dataset(name), tmp_path)) == {tmp_path / file for file in files}


@pytest.mark.parametrize("name", LAYOUTS)
def test_where_a_data_set_is_missing_the_line_says_how_to_get_it(tmp_path, name):
    with pytest.raises(InputError, match=r"no such file: .* get .* from https://") as caught:
        raw_files(name, dataset(name), tmp_path)
    assert "\n" not in str(caught.value)


def test_cohorts_side_by_side_are_domains(tmp_path):
    for part, seed in (("ours", 1), ("theirs", 2)):
        root = tmp_path / part
        for who in range(3):
            photograph(root / f"photos/{who}.png", 10 * seed + who)
            mask(root / f"masks/{who}.png")
        read = {
            "images": "photos/{subject}.png",
            "domain": "x",
            "maps": {"masks": {"files": "masks/{subject}.png", "classes": {255: "nucleus"}}},
        }
        form.pack(own(read), root, root / "packed", part)
    config = {
        "kind": "joined",
        "form": "joined_domains",
        "parts": {"fluorescence": {"cohort": "ours"}, "bright": {"cohort": "theirs"}},
    }
    joined.pack(config, tmp_path, tmp_path / "both", "both")
    cohort = open_domain_images(tmp_path / "both")
    assert [s.domain for s in cohort.samples] == ["fluorescence"] * 3 + ["bright"] * 3
    assert cohort.samples[0] == ("fluorescence-0", "fluorescence-0", "fluorescence")
    first = open_domain_images(tmp_path / "theirs/packed")
    assert np.array_equal(cohort.images[3:], first.images) and np.array_equal(
        cohort.maps["masks"][3:], first.maps["masks"]
    )
    assert joined.check_task(config, {"targets": ["dark"]}) == (
        "task.targets",
        "has the domains fluorescence, bright",
    )
    assert joined.check_task(config, {"targets": ["bright"]}) is None


def test_parts_must_fit_each_other(tmp_path):
    packed(tmp_path / "eyes", size=24, patients=2)
    photograph(tmp_path / "mine/photos/a.png", size=(24, 24))
    read = {"images": "photos/{subject}.png", "domain": "x"}
    form.pack(own(read), tmp_path / "mine", tmp_path / "mine/packed", "mine")
    config = {"parts": {"a": {"cohort": "eyes"}, "b": {"cohort": "mine"}}}
    with pytest.raises(InputError, match=r"part 'b' has the grades \[\], others"):
        joined.pack(config, tmp_path, tmp_path / "both", "both")
    photograph(tmp_path / "small/photos/a.png", size=(16, 16))
    form.pack(own(read), tmp_path / "small", tmp_path / "small/packed", "small")
    config = {"parts": {"b": {"cohort": "mine"}, "c": {"cohort": "small"}}}
    with pytest.raises(InputError, match="images of part 'c' are 16 x 16, others 24 x 24"):
        joined.pack(config, tmp_path, tmp_path / "both", "both")
    alone = {"parts": {"eyes": {"cohort": "eyes"}}}
    joined.pack(alone, tmp_path, tmp_path / "one", "one")
    assert {s.domain for s in open_domain_images(tmp_path / "one").samples} == {f"eyes-{d}" for d in DOMAINS}
