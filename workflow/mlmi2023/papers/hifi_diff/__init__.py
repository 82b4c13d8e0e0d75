"""HiFi-Diff, slices at any place between thick ones by conditional diffusion (Wang et al., MLMI 2023).

A network draws the slice that lies between two neighbouring slices of a volume with a large slice spacing, by
DDIM's way back from noise; a pyramid of maps that a second network makes of the two slices modulates it pixel
by pixel. One model serves every spacing.

====================================  ==================================================================
In the paper                          Here
====================================  ==================================================================
Sect. 2.1, k, x^i, x^(i+1), x^(i+k)   ``spacing.Thick``, ``samples.Pairs``
Eqs. 1 and 2                          ``mlmi2023.nets.generation.process.Diffusion``
Eqs. 3 and 4, DDIM                    ``mlmi2023.nets.generation.sampling``, ``filling.Sampler``
Eq. 5                                 ``mlmi2023.tasks.generation.Denoiser``, ``train.Noised``
Sect. 2.2, HiFE, main branch, Fig. 3  ``model``, of ``branches.Branch``
ChannelMod, ElementMod, Fig. 3b, 3c   ``modulation``
Sect. 3.1, thick slices               ``spacing``, ``mlmi2023.physics``
Table 1, trilinear interpolation      ``between.interpolate``
Table 1, DeepResolve, MetaSR, ArSSR   ``deepresolve``, ``metasr``, ``arssr``, trained by ``regression``
Table 1, w/o HiFE                     ``model.WithoutHiFE``
Table 1, FastSurfer                   ``segmenter``: a small network in its place
Table 1, PSNR, SSIM, Dice; flicker    ``evaluate``, ``measures``
Figs. 1, 4, 5; flicker; steps         ``figures``
====================================  ==================================================================

What was settled differently from the paper, or where it is silent: ``deviations.yaml``.
"""
