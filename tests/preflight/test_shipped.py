"""What is shipped passes the checks; these import nothing heavy; models have the keys of what reads them."""

import importlib
import inspect
import subprocess
import sys
from typing import get_args, get_origin

import pytest

from mlmi2023.core.config import SCALES
from mlmi2023.core.merging import merge
from mlmi2023.core.options import Options, keys_of
from mlmi2023.core.yaml_files import read_yaml
from preflight_root import ROOT, load

SLUGS = sorted(file.stem for file in (ROOT / "config/papers").glob("*.yaml"))
EXAMPLES = sorted((ROOT / "config/examples").glob("*.yaml"))
#: an example that is laid on another
ON_TOP = {
    "fundus_vessels_fet": "fundus_vessels",
    "fundus_vessels_mcnv": "fundus_vessels",
    "nuclei_fet": "nuclei",
}


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("slug", SLUGS)
def test_every_paper_passes_at_every_scale(slug, scale):
    load(ROOT, {"papers": [slug], "scale": scale})


@pytest.mark.parametrize("slug", SLUGS)
def test_every_paper_passes_with_the_bench_for_cpus(slug):
    load(ROOT, merge(read_yaml(ROOT / "config/bench_cpu.yaml"), {"papers": [slug]}))


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_every_example_passes(file):
    below = read_yaml(file.with_stem(ON_TOP[file.stem])) if file.stem in ON_TOP else {}
    load(ROOT, merge(below, read_yaml(file)))


@pytest.mark.parametrize("scale", ["demo", "paper"])
def test_checks_import_nothing_that_takes_seconds(scale):
    code = (
        "import sys; from pathlib import Path; sys.path.insert(0, 'tests/support')\n"
        "from preflight_root import ROOT, load\n"
        "load(ROOT, {'papers': 'all', 'scale': sys.argv[1]})\n"
        "heavy = 'torch monai lightning pandas scipy nibabel ants jsonschema'.split()\n"
        "print([m for m in heavy if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, scale], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "[]"


# models of arguments and the functions that take them, less what the code fills in itself
TAKEN = {
    "nets.segmentation.options:Unet": ("nets.segmentation.builders:unet", "channels classes size", "name"),
    "nets.segmentation.options:AttentionUnet": (
        "nets.segmentation.builders:attention_unet",
        "channels classes size",
        "name",
    ),
    "nets.segmentation.options:HybridEncoder": (
        "nets.segmentation.transunet:HybridEncoder",
        "channels size",
        "",
    ),
    "nets.segmentation.options:TransUnet": (
        "nets.segmentation.transunet:TransUNet",
        "channels classes size",
        "name pretrained",
    ),
    "nets.segmentation.options:SwinUnet": (
        "nets.segmentation.swin_unet:SwinUnet",
        "channels classes size",
        "name pretrained",
    ),
    "nets.registration.options:VoxelMorph": ("nets.registration.voxelmorph:VoxelMorph", "shape", "kind"),
    "nets.registration.options:SelfAttention": ("nets.blocks.swin_pyramid:SelfAttentionEncoder", "shape", ""),
    "nets.registration.options:LapIrn": ("nets.registration.lapirn:LapIRN", "", "kind"),
    "losses.options:SegmentationLoss": (
        "losses.segmentation:SegmentationLoss",
        "dice",
        "background smooth squared per_case",
    ),
    "training.loop.options:Training": ("training.loop.plan:Schedule", "", ""),
    "papers.defxattn_reg.options:ConvexAdam": ("papers.defxattn_reg.convexadam:ConvexAdam", "", "kind"),
    "papers.defxattn_reg.options:BSpline": (
        "papers.defxattn_reg.decoders:BSplineDecoder",
        "channels shape",
        "kind",
    ),
    "papers.defxattn_reg.options:TimeVarying": (
        "papers.defxattn_reg.decoders:TimeVaryingDecoder",
        "channels shape",
        "kind",
    ),
    "papers.defxattn_reg.options:Direct": ("nets.blocks.upward:DirectDecoder", "channels shape", "kind"),
    "papers.fine_grained_wavelet.options:Fet": (
        "papers.fine_grained_wavelet.model:FrequencyUnet",
        "channels classes size",
        "name",
    ),
    "papers.fine_grained_wavelet.options:R50Unet": (
        "papers.fine_grained_wavelet.convolutional:ResUnet",
        "channels classes size",
        "name pretrained",
    ),
    "papers.fine_grained_wavelet.options:DeepLab": (
        "papers.fine_grained_wavelet.convolutional:DeepLabV3Plus",
        "channels classes size",
        "name pretrained",
    ),
    "papers.fine_grained_wavelet.options:LevitUnet": (
        "papers.fine_grained_wavelet.levit_unet:LevitUnet",
        "channels classes size",
        "name",
    ),
    "papers.fine_grained_wavelet.options:HiFormer": (
        "papers.fine_grained_wavelet.hiformer:HiFormer",
        "channels classes size",
        "name pretrained",
    ),
    "papers.fine_grained_wavelet.options:TmuNet": (
        "papers.fine_grained_wavelet.tmu_net:TMUNet",
        "channels classes size",
        "name pretrained",
    ),
    "papers.bhsd.options:NnUnet": ("papers.bhsd.nnunet:NnUnet", "channels classes size", "name"),
    "papers.bhsd.options:SwinUnetr": ("papers.bhsd.networks:swin_unetr", "channels classes size", "name"),
    "papers.bhsd.options:CoTr": ("papers.bhsd.cotr:CoTr", "channels classes size", "name"),
    "papers.bhsd.options:NnFormer": ("papers.bhsd.nnformer:NnFormer", "channels classes size", "name"),
    "papers.ffpn.options:Ffpn": ("papers.ffpn.model:FFPN", "channels classes size", "name pretrained"),
    "papers.ffpn.options:Refine": (
        "papers.ffpn.refinement:Refinement",
        "width levels size orders polar least",
        "",
    ),
    "papers.ffpn.options:Cpn": ("papers.ffpn.cpn:CPN", "channels classes size", "name pretrained"),
    "papers.ffpn.options:PolarMask": (
        "papers.ffpn.polarmask:PolarMask",
        "channels classes size",
        "name pretrained",
    ),
    "papers.ffpn.options:PolySnake": (
        "papers.ffpn.polysnake:PolySnake",
        "channels classes size",
        "name pretrained",
    ),
    "papers.ffpn.options:MaskRcnn": (
        "papers.ffpn.mask_rcnn:MaskRCNN",
        "channels classes size",
        "name pretrained",
    ),
    "papers.ffpn.options:DeepLab": (
        "papers.ffpn.deeplab:DeepLabV3",
        "channels classes size",
        "name pretrained",
    ),
    "papers.gaba_mrs.options:UNet1d": ("papers.gaba_mrs.unet1d:UNet1d", "channels transients", "name"),
    "papers.gaba_mrs.options:RdcUNet2d": ("papers.gaba_mrs.model:RdcUNet2d", "channels transients", "name"),
    "papers.hifi_diff.options:Branches": ("papers.hifi_diff.model:HiFiDiff", "", ""),
    "papers.hifi_diff.options:Sampling": ("papers.hifi_diff.filling:Sampler", "process seed", ""),
    "papers.hifi_diff.options:DeepResolveNet": ("papers.hifi_diff.deepresolve:DeepResolve", "", ""),
    "papers.hifi_diff.options:MetaSRNet": ("papers.hifi_diff.metasr:MetaSR", "", ""),
    "papers.hifi_diff.options:ArSSRNet": ("papers.hifi_diff.arssr:ArSSR", "", ""),
    "papers.ia_gcn.options:Graph": ("papers.ia_gcn.graphs:GraphLearner", "features", ""),
    "papers.ia_gcn.options:Loss": ("papers.ia_gcn.losses:total_loss", "cross_entropy weights", ""),
    "papers.implicit_reg.options:Explicit": (
        "papers.implicit_reg.losses:ExplicitRegularizer",
        "",
        "kind",
    ),
    "papers.implicit_reg.options:Implicit": (
        "papers.implicit_reg.solvers:ImplicitSolver",
        "",
        "kind sigma",
    ),
    "papers.mcnv_oct.options:ParallelNet": (
        "papers.mcnv_oct.model:ParallelNet",
        "channels classes size",
        "name pretrained",
    ),
    "papers.mcnv_oct.options:UtNet": ("papers.mcnv_oct.utnet:UTNet", "channels classes size", "name"),
    "papers.mcnv_oct.options:ResUtNet": (
        "papers.mcnv_oct.utnet:ResUTNet",
        "channels classes size",
        "name pretrained",
    ),
    "papers.nio_reg.options:Mpr": ("papers.nio_reg.mpr:MPR", "", "kind"),
    "papers.nio_reg.options:Ulae": ("papers.nio_reg.ulae:ULAE", "", "kind"),
    "papers.pecon.options:Net": ("papers.pecon.penet:PENet", "", ""),
    "papers.pecon.options:Projections": ("papers.pecon.branches:Branches", "ct_features ehr_features", ""),
    "papers.pecon.options:Scan": ("papers.pecon.scans:Cut", "", ""),
    "papers.prostate_cancer_ms.options:SpcNet": (
        "papers.prostate_cancer_ms.spcnet:SPCNet",
        "channels classes size",
        "name",
    ),
    "papers.prostate_cancer_ms.options:BranchedUnet": (
        "papers.prostate_cancer_ms.branched:BranchedUNet",
        "channels classes size",
        "name",
    ),
    "papers.relational_unet.options:RelationalUnet": (
        "papers.relational_unet.network:RelationalUNet",
        "channels classes size",
        "name",
    ),
    "papers.skin_transformer.options:SkinTransformer": (
        "papers.skin_transformer.model:SkinTransformer",
        "channels classes size",
        "name",
    ),
    "papers.skin_transformer.options:FatNet": (
        "papers.skin_transformer.fatnet:FATNet",
        "channels classes size",
        "name",
    ),
    "papers.sr4zct.options:SaintNet": ("papers.sr4zct.saint:Saint", "factor", ""),
    "papers.sr4zct.options:RplhrNet": ("papers.sr4zct.rplhr:Tvsrn", "factor", ""),
}


def _named(place):
    module, name = place.split(":")
    return getattr(importlib.import_module(f"mlmi2023.{module}"), name)


@pytest.mark.parametrize("place", TAKEN)
def test_models_have_the_keys_and_defaults_of_what_takes_them(place):
    taker, filled, extra = TAKEN[place]
    model, parameters = _named(place), inspect.signature(_named(taker)).parameters
    wanted = {name: p for name, p in parameters.items() if name not in filled.split()}
    assert set(keys_of(model)) - set(extra.split()) == set(wanted)
    for key, parameter in wanted.items():
        # None and an empty mapping stand for the defaults of a part
        if parameter.default not in (inspect.Parameter.empty, None) and hasattr(model, key):
            own = getattr(model, key)
            assert own == (tuple(parameter.default) if isinstance(own, tuple) else parameter.default), key


def _all_models():
    for file in sorted((ROOT / "workflow/mlmi2023").rglob("options.py")):
        if "simulators" not in file.parts and file.parent.name != "core":
            module = ".".join(file.relative_to(ROOT / "workflow").with_suffix("").parts)
            yield from vars(importlib.import_module(module)).values()


def test_defaults_are_values_that_their_own_models_take():
    from mlmi2023.core.options import read, reader

    for model in _all_models():
        if not (isinstance(model, type) and issubclass(model, Options)) or model is Options:
            continue
        for key, kind in keys_of(model).items():
            default = getattr(model, key, None)
            if default is not None and not isinstance(default, Options):
                assert reader(kind)(default) == default, f"{model.__name__}.{key}"
            if get_origin(kind) is not None:
                assert get_args(kind)
    assert read(int, 3) == 3
