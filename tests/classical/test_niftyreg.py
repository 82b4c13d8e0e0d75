"""NiftyReg by its executables: what is asked of them, what becomes of the answer; the real ones if there."""

import stat
import sys

import numpy as np
import pytest
import torch

from mlmi2023.classical.niftyreg import find_niftyreg, free_form
from mlmi2023.core.errors import InputError
from mlmi2023.fields.displacement import warp

FAKE_F3D = """#!{python}
import sys, nibabel as nib, numpy as np
given = dict(zip(sys.argv[1::2], sys.argv[2::2]))
ref, flo = (np.asarray(nib.load(given[k]).dataobj) for k in ("-ref", "-flo"))
assert ref.sum() != flo.sum() and given["-sx"] == "-4" and given["--lncc"] == "-3" and given["-maxit"] == "7"
nib.Nifti1Image(np.zeros((2, 2, 2), np.float32), np.eye(4)).to_filename(given["-cpp"])
"""
FAKE_TRANSFORM = """#!{python}
import sys, nibabel as nib, numpy as np
ref = nib.load(sys.argv[sys.argv.index("-ref") + 1])
field = np.zeros((*ref.shape, 1, 3), np.float32)
field[..., 0] , field[..., 1] = 3.0, -4.0   # mm along the first and the second axis
nib.Nifti1Image(field, ref.affine).to_filename(sys.argv[-1])
"""


def put(folder, **scripts):
    folder.mkdir(exist_ok=True)
    for name, text in scripts.items():
        file = folder / name
        file.write_text(text.replace("{python}", sys.executable))
        file.chmod(file.stat().st_mode | stat.S_IXUSR)
    return folder


def blob(shift=(0, 0, 0)):
    place = np.stack(np.meshgrid(*[np.arange(24.0)] * 3, indexing="ij"), -1)
    near = np.array([11.0, 12, 12]) + shift
    far = np.array([7.0, 15, 9]) + shift
    bumps = [np.exp(-(((place - c) / s) ** 2).sum(-1)) for c, s in ((near, 5.0), (far, 2.5))]
    return (bumps[0] + 0.7 * bumps[1]).astype(np.float32)


def test_options_reach_the_executable_and_millimetres_become_voxels(tmp_path):
    folder = put(tmp_path / "bin", reg_f3d=FAKE_F3D, reg_transform=FAKE_TRANSFORM)
    options = {"kind": "niftyreg", "folder": str(folder), "spacing": 4, "lncc": 3, "iterations": 7}
    u = free_form(np.ones((8, 9, 10)), np.zeros((8, 9, 10)), (1.5, 2.0, 4.0), options)
    assert u.shape == (3, 8, 9, 10) and u.dtype == np.float32
    assert (u[0] == 2).all() and (u[1] == -2).all() and (u[2] == 0).all()


def test_what_is_missing_or_fails_is_one_line(tmp_path):
    image = np.zeros((8, 8, 8))
    empty = put(tmp_path / "empty")
    assert find_niftyreg(str(empty)) is None
    half = put(tmp_path / "half", reg_f3d=FAKE_F3D)
    assert find_niftyreg(str(half)) is None
    broken = put(
        tmp_path / "broken",
        reg_f3d="#!{python}\nimport sys\nsys.exit('no licence')\n",
        reg_transform=FAKE_TRANSFORM,
    )
    for options, word in (
        ({"folder": str(empty)}, "reg_f3d"),
        ({"folder": str(broken)}, "no licence"),
        ({"knots": 5}, "knots"),
    ):
        with pytest.raises(InputError, match=word) as error:
            free_form(image, image, (1, 1, 1), options)
        assert "\n" not in str(error.value)


@pytest.mark.skipif(find_niftyreg() is None, reason="NiftyReg is not installed")
def test_the_real_one_brings_the_moving_image_onto_the_fixed_one():
    fixed, moving = blob(), blob((2, -1, 1))
    u = free_form(moving, fixed, (2.0, 2.0, 3.0), {"iterations": 100, "levels": 2, "bending": 0.0001})
    warped = warp(torch.from_numpy(moving)[None, None], torch.from_numpy(u)[None])[0, 0].numpy()
    before, after = (np.abs(image - fixed).mean() for image in (moving, warped))
    assert after < 0.4 * before
    middle = u[:, 8:15, 9:16, 9:16].mean((1, 2, 3))
    assert np.sign(middle).tolist() == [1, -1, 1] and np.abs(middle - [2, -1, 1]).max() < 0.8
