"""Stand-in transrectal ultrasound: glands, patients, artefacts, what the probe sees."""

import numpy as np
import pytest

from mlmi2023.cohorts.sources.simulators.prostate_ultrasound.cohort import simulate
from mlmi2023.cohorts.sources.simulators.prostate_ultrasound.gland import draw_gland, frame_of
from mlmi2023.cohorts.sources.simulators.prostate_ultrasound.options import DEFAULTS, read_options
from mlmi2023.cohorts.sources.simulators.prostate_ultrasound.scene import make_frame
from mlmi2023.cohorts.sources.simulators.ultrasound.machine import draw_machine
from mlmi2023.core.errors import InputError

PLAIN = {
    "size": 96, "gaps": [0, 0], "grains": [0, 0], "bright": [0, 0], "cysts": [0, 0], "vessels": [0, 0],
    "ribs": [0, 0], "bladder": 0.0, "patchy": [0.0, 0.0],
}  # fmt: skip


def frame(seed=0, full=False, base=0.5, **more):
    options = read_options({"options": {**PLAIN, **more}})
    rng = np.random.default_rng(seed)
    machine, gland = draw_machine(rng, options["scanner"]), draw_gland(rng, options)
    own = frame_of(rng, gland, int(base * options["frames"]), options)
    return make_frame(np.random.default_rng(seed + 1), machine, own, full, options)


def test_the_gland_is_darker_than_what_is_around_it_and_of_the_drawn_size():
    from scipy import ndimage

    found = frame()
    inside = ndimage.binary_erosion(found.mask > 0, iterations=4)
    ring = ndimage.binary_dilation(found.mask > 0, iterations=9) & ~ndimage.binary_dilation(
        found.mask > 0, iterations=3
    )
    ring &= found.image > 0
    assert found.image[inside].mean() + 20 < found.image[ring].mean()
    area = np.pi / 4 * found.about["width"] * found.about["height"]
    options = read_options({"options": PLAIN})
    rng = np.random.default_rng(0)
    sector = draw_machine(rng, options["scanner"]).sector
    side = sector.pixel((round(96 / options["crop"]),) * 2)
    assert (found.mask > 0).sum() * side**2 == pytest.approx(area, rel=0.25)


def test_artefacts_are_where_they_belong():
    plain, grains = frame(), frame(grains=[6, 6], shade=[30.0, 30.0])
    assert np.array_equal(plain.mask, grains.mask)
    inside = plain.mask > 0
    assert grains.image[inside].max() > plain.image[inside].max() - 5
    changed = np.abs(grains.image.astype(int) - plain.image) > 40
    assert changed[inside].any() and grains.about["grains"] == 6
    blotched = frame(bright=[3, 3], blotch=[6.0, 6.0])
    assert blotched.image[inside].mean() > plain.image[inside].mean() + 5
    wet, dry = frame(full=True, base=0.8), frame(full=False, base=0.8)
    assert wet.about["bladder"] == 1 and dry.about["bladder"] == 0
    rows, columns = np.nonzero(wet.mask)
    behind = np.s_[rows.max() + 3 : rows.max() + 7, int(columns.mean()) - 5 : int(columns.mean()) + 6]
    assert wet.image[behind].mean() < 0.6 * dry.image[behind].mean()
    assert frame(full=True, base=0.1).about["bladder"] == 0


def test_glands_grow_from_apex_to_the_middle():
    options = read_options({"options": {"frames": 5}})
    gland = draw_gland(np.random.default_rng(0), options)
    widths = [frame_of(np.random.default_rng(1), gland, number, options).width for number in range(5)]
    assert (
        widths[0] < widths[1] < widths[2]
        and widths[2] == pytest.approx(gland.width)
        and widths[4] < widths[3]
    )
    near = gland.outline()[:, 1].min()
    assert near > 0, "the probe lies outside of the gland"


def test_frames_of_a_patient_stay_in_one_split_and_do_not_depend_on_who_else_is_made(tmp_path):
    config = {"seed": 3, "subjects": {"train": 2, "val": 1, "test": 1}, "options": {"size": 32, "frames": 2}}
    simulate(config, tmp_path / "one")
    simulate({**config, "subjects": {"train": 2}}, tmp_path / "two", threads=2)
    rows = [line.split(",") for line in (tmp_path / "one/truth.csv").read_text().splitlines()]
    split_of = {}
    for row in rows[1:]:
        split_of.setdefault(row[1], set()).add(row[2])
    assert all(len(own) == 1 for own in split_of.values()) and len(rows) == 9
    for name in ("images/p002_02.png", "masks/p002_02.png"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    first = [(tmp_path / f"one/images/p001_0{n}.png").read_bytes() for n in (1, 2)]
    assert first[0] != first[1]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"size": 8}, "size of 24 to 4096"),
        ({"crop": 0.0}, "crop lies between"),
        ({"width": [50.0, 40.0]}, "lower and an upper"),
        ({"smallest": [0.5, 1.5]}, "at most 1 of smallest"),
        ({"grains": [0, 900]}, "at most 50 each"),
        ({"grain": [0.0, 1.0]}, "lengths above 0"),
        ({"scaner": {}}, "scanner"),
    ],
)
def test_wrong_options_are_one_line(options, said):
    with pytest.raises(InputError, match=said):
        read_options({"options": options})
    assert read_options({})["size"] == DEFAULTS["size"]
