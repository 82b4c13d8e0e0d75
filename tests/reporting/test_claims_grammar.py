import pytest

from mlmi2023.core.errors import InputError
from mlmi2023.reporting.claims.checks import comparisons
from mlmi2023.reporting.claims.grammar import parse_check
from reporting_data import paper

# how checks of many papers, written loosely, look in the grammar
FORMAL = {
    "bhsd": "dice[b96_nb200, label=mean] > dice[b96, label=mean]",
    "boundary_rl": "abs(dice[boundary_rl] - dice[mil_s]) < 0.03",
    "c_sir order": "ssim[trilinear, modality=m] < ssim[srcnn, modality=m] < ssim[vdsr, modality=m]"
    " < ssim[c_sir, modality=m] for m in (t1, t2)",
    "c_sir gain": "psnr[c_sir, modality=m] - psnr[trilinear, modality=m] > 2.5 for m in (t1, t2)",
    "cdi_net ablation": "nmse[cdi_net] < min(nmse[cdi_no_cidc], nmse[cdi_no_cdrc], nmse[cdi_no_awr])",
    "cdi_net dose": "nmse[cdi_net, dose=d] < min(nmse[m, dose=d] for m in baseline) for every d in dose",
    "clip_dr": "f1_avg[cooplvt, train-eyepacs] > f1_avg[naive_clip, train-eyepacs]",
    "colonoscopy mean": "mean(dice[unet_aug, setting=c] for c in settings)"
    " > mean(dice[unet, setting=c] for c in settings)",
    "colonoscopy count": "count(dice[x, setting=c] > dice[y, setting=c]"
    " for (x, y) in ((unet_aug, unet), (deeplab_aug, deeplab), (sdnet_aug, sdnet)), c in settings) >= 17",
    "ddat_recon": "nmse[mformer, dataset=stanford3d] < nmse[humus, dataset=stanford3d]",
    "dlest": "dice[dlest, label=mean] > max(dice[hm, label=mean], dice[ssimh, label=mean])",
    "dlest ablation": "ssim[dlest_pix] < min(ssim[dlest_con], ssim[dlest_cyc])"
    " and max(ssim[dlest_con], ssim[dlest_cyc]) < ssim[dlest]",
    "dmdip": "psnr[dmdip, r=f, modality=m] > psnr[dip, r=f, modality=m] for all f in r, m in modality",
    "dmdip stop": "max(psnr[dmdip, it=i] for i in it) - psnr[dmdip, it=7000]"
    " < max(psnr[dmdip_nokr, it=i] for i in it) - psnr[dmdip_nokr, it=7000]",
    "domain_mix": 'dice[ours, step=3, "rim-one avg"] > dice[ours, step=1, "rim-one avg"]',
    "echo_myocardium": "dice[ours, camus] - dice[ours, mindray] < dice[u2net, camus] - dice[u2net, mindray]",
    "fedicra": "dsc[ct_full, dataset=faz] - dsc[fedicra, dataset=faz] < 1",
    "ffpn": "dice[ffpn_r, dataset=mc] > dice[cpn, dataset=mc]",
    "gaba_mrs": "mse[m, input=diff, training=t] < mse[m, input=sub, training=t]"
    " for all m in (rdc_unet2d, unet1d), t in (ft, invivo)",
    "hifi_diff": "ssim[hifi_diff, scale=s] > max(ssim[m, scale=s] for m in baseline) for every s in scale",
    "ia_gcn": "acc[ia_gcn_alpha, alpha=0.6] > acc[ia_gcn_alpha, alpha=1.0]",
    "laparo_nerf": "n_pose[colmap, n_frame=2784] / 2784 > n_pose[colmap, n_frame=310] / 310",
    "m3ad": "acc_overall[m3ad_fus, vqa-rad] > acc_overall[fine_tuning, vqa-rad] - 1.0",
    "magnet": "dsc_enhancing[magnet, flair+t1+t2] < dsc_enhancing[magnet, full]",
    "mammo_sam": "dice_drop[wo_msa] > 0",
    "mddpm": "dice[ddpm, brats21] > max(dice[m, brats21] for m in (vae, svae, dae, fanogan))",
    "mri2pet": "bacc[mc_gan] > 50",
    "pe_med": "dsc_avg[pe_med, p1] >= dsc_avg[hiformer]",
    "prostate_cancer_ms": "sensitivity[decnet, label=cspca] >= sensitivity[spcnet, label=cspca] - 0.05",
    "radiology_llm": "x[llama] < x[stablelm] for all x in (conciseness, relevance, coherence)",
    "sppnet": "fps[sppnet] > 10 * fps[sam_ft]",
    "sr4zct": "psnr[smore_s3, overlap_mm=2] > psnr[smore_s2, overlap_mm=2]"
    " and psnr[smore_s2, overlap_mm=3] > psnr[smore_s3, overlap_mm=3]",
    "vq_ad": 'acc[vq_ad, ad-vs-cn] > acc[fgan, "M + G(M)", ad-vs-cn]',
}


@pytest.mark.parametrize("name", FORMAL)
def test_checks_of_many_papers_can_be_said(name):
    check = parse_check(FORMAL[name])
    assert check.chains and check.text == FORMAL[name]


@pytest.mark.parametrize(
    ("text", "column", "expected"),
    [
        ("dice[a > dice[b]", 8, "']'"),
        ("dice[a] = dice[b]", 9, "a comparison"),
        ("dice[a]", 8, "a comparison"),
        ("dice[a] > dice[b] or dice[c] > 1", 19, "'and'"),
        ("dice[a] > max(dice[b]", 22, "')'"),
        ("dice(a) > dice[b]", 1, "metric[...]"),
        ("dice[a] > dice[b] for x (b)", 25, "'in'"),
        ("", 1, "metric[...]"),
    ],
)
def test_a_mistake_is_pointed_at(text, column, expected):
    with pytest.raises(InputError) as error:
        parse_check(text, "toy.yaml: claim c1: check")
    message = str(error.value)
    assert message.startswith("toy.yaml: claim c1: check: ") and "\n" not in message
    assert f"column {column}:" in message and expected in message


def resolved(check, source="table1"):
    made = paper(check=check)
    return comparisons(made.claims["c1"], made, "toy.yaml")


def test_chains_ands_and_loops_become_comparisons():
    found = resolved("dice[a, r=f] > dice[b, r=f] > dice[c, r=f] and hd[a] < hd[b] for all f in r")
    assert len(found) == 6
    assert str(found[0]) == "dice[a, dataset=d1, r=2] > dice[b, dataset=d1, r=2]"
    assert str(found[3]) == "dice[a, dataset=d1, r=4] > dice[b, dataset=d1, r=4]"
    assert str(found[2]) == "hd[a, dataset=d1] < hd[b, dataset=d1]"


def test_bare_words_and_roles_are_looked_up():
    (found,) = resolved("dice[a, d2, wm] > max(dice[m, t1w] for m in baseline)")
    assert str(found) == (
        "dice[a, dataset=d2, label=wm]"
        " > max(dice[b, dataset=d1, modality=t1w], dice[c, dataset=d1, modality=t1w])"
    )


@pytest.mark.parametrize(
    ("check", "message"),
    [
        ("dise[a] > dice[b]", "column 1: unknown metric 'dise'; known: dice, hd, params"),
        ("dice[a] > dice[bb]", "column 11: unknown method 'bb'"),
        ("dice[a, dataset=d3] > dice[b]", "unknown dataset 'd3'; known: d1, d2"),
        ("dice[a, csf] > dice[b]", "'csf' is no dataset, setting or label"),
        ("dice[a, r=3] > dice[b]", "unknown level of r '3'; known: 2, 4"),
        ("dice[a, q=3] > dice[b]", "unknown key 'q'"),
        ("dice[a, d1, d2] > dice[b]", "dataset is given twice"),
        ("dice[a] > dice[m] for m in others", "unknown or empty list 'others'"),
        ("dice[y] > dice[x] for (x, y) in ((b, c), b)", "needs 2 names"),
        ("2 > 1", "compares numbers only"),
    ],
)
def test_unknown_names_are_named_when_the_file_is_read(check, message):
    with pytest.raises(InputError) as error:
        paper(check=check)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_the_dataset_must_be_clear():
    claims = [{"id": "c1", "says": "x", "check": "dice[a] > dice[b]", "source": "text"}]
    with pytest.raises(InputError, match="which dataset"):
        paper(claims=claims)
