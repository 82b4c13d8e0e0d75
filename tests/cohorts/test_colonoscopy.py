"""Stand-in colonoscopy: polyps, views, overlays that hint at polyps; bytes whoever makes them."""

import csv

import numpy as np
import pytest

from colonoscopy_aug_data import packed
from mlmi2023.cohorts.forms.domain_images.reader import open_domain_images
from mlmi2023.cohorts.sources.simulators.colonoscopy import lumps
from mlmi2023.cohorts.sources.simulators.colonoscopy.cohort import make_frame, simulate
from mlmi2023.cohorts.sources.simulators.colonoscopy.options import KINDS, OVERLAY, read_options
from mlmi2023.cohorts.sources.simulators.colonoscopy.overlays import shown, write_over
from mlmi2023.core.errors import InputError

TEXT = {"kind": "text", "at": [0.05, 0.05], "size": [0.3, 0.2], "lines": 2, "colour": [0, 1, 0]}
ICON = {"kind": "icon", "shape": "disc", "at": [0.8, 0.8], "size": [0.15, 0.15], "colour": [1, 0, 0]}
MINI = {"kind": "miniature", "at": [0.7, 0.05], "size": [0.25, 0.25]}
VIEW = {"shape": "circle", "centre": [0.5, 0.5], "radius": 0.4}
DOMAINS = {"a": {"overlays": [TEXT, ICON, MINI], "view": VIEW}, "b": {"view": {**VIEW, "shape": "octagon"}}}


def frame(domain="a", seed=0, polyp=True, size=64, **more):
    options = read_options({"options": {"size": size, "domains": DOMAINS, **more}})
    rng = np.random.default_rng(seed)
    drawn = lumps.draw_polyp(rng, options["polyp"])
    return make_frame(rng, 0.5, drawn if polyp else None, options["domains"][domain], options)


def test_masks_are_what_is_to_be_seen_of_a_polyp():
    for seed in range(6):
        maps = frame(seed=seed).maps
        polyp = maps["masks"] > 0
        assert 0.003 < polyp.mean() < 0.3
        assert not (polyp & (maps["view"] == 0)).any() and not (polyp & (maps["overlays"] > 0)).any()
        assert not frame(seed=seed, polyp=False).maps["masks"].any()


def test_a_polyp_is_redder_than_the_wall_around_it():
    made = frame("b", seed=3)
    polyp, wall = made.maps["masks"] > 0, (made.maps["masks"] == 0) & (made.maps["view"] > 0)
    red = made.image[..., 0].astype(float) / (made.image.sum(axis=2) + 1)
    assert red[polyp].mean() > red[wall].mean()


def test_overlays_are_where_their_map_says():
    made = frame()
    values = made.maps["overlays"]
    assert {KINDS[v - 1] for v in np.unique(values) if v} == {"text", "icon", "miniature"}
    assert (made.image[values == 1] == [0, 255, 0]).all() and (made.image[values == 3] == [255, 0, 0]).all()
    outside = (made.maps["view"] == 0) & (values == 0)
    assert made.image[outside].max() < 10, "black beyond the view"
    rows, columns = np.nonzero(values == 2)
    assert rows.max() - rows.min() == columns.max() - columns.min() == 15
    edge = {"a": {"view": VIEW, "overlays": [{"kind": "border", "colour": [0, 0, 1]}]}}
    ring = frame(domains=edge).maps
    assert ((ring["overlays"] == 4) & (ring["view"] > 0)).sum() == 0 < (ring["overlays"] == 4).sum()


def test_the_views_differ_in_shape():
    circle, octagon = (frame(domain).maps["view"].sum() for domain in "ab")
    assert circle / 64**2 == pytest.approx(np.pi * 0.16, abs=0.02)
    assert 0.64 > octagon / 64**2 > circle / 64**2 + 0.03


def test_overlays_hint_at_the_polyp_as_their_rule_says():
    rng = np.random.default_rng(0)
    polyp, clear = ({**OVERLAY, **ICON, "when": when} for when in ("polyp", "clear"))
    assert shown(rng, [polyp], 1.0, 0.3) and not shown(rng, [polyp], 1.0, None)
    assert shown(rng, [clear], 1.0, None) and not shown(rng, [clear], 1.0, 0.3)
    assert not shown(rng, [polyp], 0.0, 0.3), "and the contrary where it does not agree"
    often = sum(bool(shown(rng, [polyp], 0.9, 0.3)) for _ in range(400))
    assert 330 < often < 390
    for side, at in (("same", 0.05), ("other", 0.8)):
        panel = {**OVERLAY, **ICON, "side": side}
        assert shown(rng, [panel], 1.0, 0.1)[0]["at"][0] == pytest.approx(at)
        assert shown(rng, [panel], 1.0, 0.9)[0]["at"][0] == pytest.approx(0.85 - at)


def test_a_miniature_is_the_frame_in_small():
    pixels = np.zeros((64, 64, 3), np.uint8)
    pixels[:, 32:] = 200
    picture, taken = write_over(
        np.random.default_rng(0), pixels, [{**OVERLAY, **MINI, "at": [0.0, 0.0]}], np.zeros((64, 64))
    )
    small = picture[taken > 0].reshape(16, 16, 3)[1:-1, 1:-1]
    assert small[:, :6].max() == 0 and small[:, 8:].min() == 200


def test_frames_of_a_patient_are_packed_with_their_maps():
    cohort = open_domain_images(packed())
    assert list(cohort.maps) == ["masks", "overlays", "view"]
    assert cohort.classes["masks"] == ["polyp"] and tuple(cohort.classes["overlays"]) == KINDS
    with open(packed().parent / "raw/truth.csv") as stream:
        rows = {row["image"]: row for row in csv.DictReader(stream)}
    assert len(rows) == len(cohort) == 24
    for number, sample in enumerate(cohort.samples):
        assert rows[sample.name]["patient"] == sample.patient and sample.name.startswith(sample.patient)
        assert (float(rows[sample.name]["area"]) > 0) == cohort.maps["masks"][number].any()
    plain = cohort.rows("plain")
    assert not cohort.maps["overlays"][plain].any() and cohort.maps["overlays"][cohort.rows("left")].any()


def test_bytes_do_not_depend_on_the_number_of_processes(tmp_path):
    options = {"size": 24, "domains": DOMAINS}
    config = {"seed": 2, "subjects": {"a": 2, "b": 2}, "options": options}
    for threads in (1, 2):
        simulate(config, tmp_path / str(threads), threads)
    files = sorted(f.relative_to(tmp_path / "1") for f in (tmp_path / "1").rglob("*") if f.is_file())
    assert len(files) > 20
    assert all((tmp_path / "1" / f).read_bytes() == (tmp_path / "2" / f).read_bytes() for f in files)


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"options": {"domains": {"a": {"overlay": []}}}}, r"options\.domains\.a: unknown option 'overlay'"),
        (
            {"options": {"domains": {"a": {"overlays": [{**TEXT, "kind": "txt"}]}}}},
            r"options\.domains\.a\.overlays\[0\]\.kind: unknown word 'txt'",
        ),
        (
            {"options": {"domains": {"a": {"overlays": [{"at": [0.9, 0.0]}]}}}},
            r"size: the overlay leaves the frame",
        ),
        (
            {"options": {"domains": {"a": {"overlays": [{"colour": [2, 0, 0]}]}}}},
            r"colour: give red, green and blue",
        ),
        ({"options": {"domains": {"a": {"view": {"shape": "round"}}}}}, r"view\.shape: unknown word 'round'"),
        ({"options": {"domains": {"a": {"agree": 1.5}}}}, r"agree: 1\.5 is not between 0 and 1"),
        ({"options": {"domains": {"a": {"frames": [0, 2]}}}}, r"frames: every patient has 1 or more"),
        ({"subjects": {"b": 3}, "options": {"domains": {"a": {}}}}, r"subjects\.b: options\.domains has no"),
        ({"options": {"polyp": {"radius": [0.0, 0.1]}}}, r"options\.polyp\.radius: must be above 0"),
        ({"options": {"size": 8}}, r"options\.size: 8 is not between"),
    ],
)
def test_wrong_options_are_one_line(config, says):
    with pytest.raises(InputError, match=says) as caught:
        read_options(config)
    assert "\n" not in str(caught.value)
