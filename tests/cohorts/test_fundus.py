"""Stand-in fundus photographs: anatomy, lesions by grade, cameras; same bytes by any number of processes."""

import csv

import numpy as np
import pytest

from domain_data import packed
from mlmi2023.cohorts.forms.domain_images.reader import open_domain_images
from mlmi2023.cohorts.sources.simulators.fundus import lesions
from mlmi2023.cohorts.sources.simulators.fundus.cohort import graded, make_image, simulate
from mlmi2023.cohorts.sources.simulators.fundus.options import GRADES, LESIONS, read_options
from mlmi2023.cohorts.sources.simulators.kit.patients import Patient, plan
from mlmi2023.core.errors import InputError

OPTIONS = {"size": 96, "domains": {"a": {}, "dark": {"gamma": [1.8, 1.9]}}}


def image(grade=0, seed=0, domain="a", side=1, **more):
    options = read_options({"options": {**OPTIONS, **more}})
    return make_image(
        np.random.default_rng(seed), grade, side, (0.4, 0.5), options["domains"][domain], options
    )


def grade_of(counts):
    """The rule of the simulator, read backwards."""
    if counts["new_vessel"]:
        return 4
    if counts["haemorrhage"] >= 12:
        return 3
    if counts["haemorrhage"]:
        return 2
    return 1 if counts["microaneurysm"] else 0


def test_counts_tell_the_grade():
    options = read_options({"options": OPTIONS})
    rng = np.random.default_rng(0)
    for grade in range(len(GRADES)):
        for _ in range(50):
            assert grade_of(lesions.draw_counts(rng, grade, options["lesions"])) == grade


def test_the_cup_is_nested_and_the_vessels_cross_the_edge_of_the_disc():
    for seed in range(4):
        maps = image(seed=seed).maps
        disc, cup, vessels = maps["masks"] > 0, maps["masks"] == 2, maps["vessels"] > 0
        assert 0.1 < cup.sum() / disc.sum() < 0.5
        assert (vessels & disc & ~cup).any() and (vessels & ~disc).sum() > 5 * (vessels & disc).sum() > 0
        # bright disc, brighter cup
        drawn = image(seed=seed).image.mean(axis=2)
        ring = disc & ~cup & ~vessels
        assert drawn[cup & ~vessels].mean() > drawn[ring].mean() > drawn[~disc & ~vessels].mean() + 30


def test_lesions_are_where_their_map_says_and_only_with_a_grade():
    assert not image(0).maps["lesions"].any()
    sick, well = image(3, seed=3), image(0, seed=3)
    kinds = set(np.unique(sick.maps["lesions"])) - {0}
    assert {1 + LESIONS.index(kind) for kind in ("haemorrhage", "exudate")} <= kinds
    grey, clear = sick.image.mean(axis=2), sick.maps["lesions"] == 0
    dark = sick.maps["lesions"] == 1 + LESIONS.index("haemorrhage")
    bright = sick.maps["lesions"] == 1 + LESIONS.index("exudate")
    field = clear & (well.image.mean(axis=2) > 40) & (sick.maps["masks"] == 0)
    assert grey[dark].mean() < grey[field].mean() - 20 < grey[bright].mean() - 40


def test_eyes_have_sides_and_cameras_differ():
    right, left = (np.nonzero(image(side=side).maps["masks"])[1].mean() for side in (1, -1))
    assert right > 96 / 2 + 15 and left < 96 / 2 - 15
    assert image(domain="dark").image.mean() < 0.8 * image().image.mean()
    assert np.array_equal(image(domain="dark").maps["masks"], image().maps["masks"])
    # corners lie outside of the round field, unless the window is a small one around the disc
    assert image().image[:4, :4, 0].max() < 30
    close = image(view={"centre": "disc", "width": 0.6, "shift": 0.0})
    middle = close.maps["masks"][44:52, 44:52]
    assert (middle > 0).all() and close.image[:4, :4, 0].min() > 60


def test_shares_of_grades_are_kept_and_packed(tmp_path):
    people = plan({"seed": 3, "subjects": {"a": 10, "b": 20}}, "p{}")
    domains = {"a": {"grades": [1, 0, 0, 0, 1]}, "b": {"grades": [2, 1, 1, 0, 0]}}
    found = graded(people, domains)
    counts = {name: np.bincount([p.grade for p in found if p.patient.split == name]) for name in "ab"}
    assert counts["a"].tolist() == [5, 0, 0, 0, 5] and counts["b"].tolist() == [10, 5, 5]
    cohort = open_domain_images(packed(tmp_path, size=24, patients=5))
    with open(tmp_path / "raw/truth.csv") as stream:
        rows = {row["image"]: row for row in csv.DictReader(stream)}
    assert len(rows) == len(cohort)
    for sample, grade in zip(cohort.samples, cohort.grades):
        row = rows[sample.name]
        assert (sample.patient, sample.domain) == (row["patient"], row["domain"])
        assert grade == int(row["grade"]) == grade_of({kind: int(row[kind]) for kind in LESIONS})
    assert cohort.classes["masks"] == ["rim", "cup"] and cohort.grade_names == list(GRADES)


def test_bytes_do_not_depend_on_the_number_of_processes(tmp_path):
    config = {"seed": 2, "subjects": {"a": 3, "dark": 3}, "options": {**OPTIONS, "size": 24}}
    for threads in (1, 2):
        simulate(config, tmp_path / str(threads), threads)
    files = sorted(f.relative_to(tmp_path / "1") for f in (tmp_path / "1").rglob("*") if f.is_file())
    assert len(files) > 20
    assert all((tmp_path / "1" / f).read_bytes() == (tmp_path / "2" / f).read_bytes() for f in files)


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"options": {"domains": {"a": {"blurr": [0, 1]}}}}, r"options\.domains\.a: unknown option 'blurr'"),
        ({"options": {"domains": {"a": {"grades": [1, 1]}}}}, r"options\.domains\.a\.grades: give 5 shares"),
        ({"subjects": {"b": 3}, "options": {"domains": {"a": {}}}}, r"subjects\.b: options\.domains has no"),
        ({"options": {"view": {"centre": "cup"}}}, r"options\.view\.centre: 'cup' is none of fovea, disc"),
        ({"options": {"size": 8}}, r"options\.size: 8 is not between"),
        ({"options": {"tone": [1, 0]}}, r"options\.tone: \[1, 0\] is not a pair"),
    ],
)
def test_wrong_options_are_one_line(config, says):
    with pytest.raises(InputError, match=says):
        read_options(config)


def test_patients_draw_for_themselves():
    assert Patient(3, "a", "x", 1).random(1).random() == Patient(3, "b", "y", 1).random(1).random()
