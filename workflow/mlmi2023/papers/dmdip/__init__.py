"""Dual-modal deep image prior for super-resolution of infant MRI (Tsai et al., MLMI 2023): paper to code.

A network fed with noise is fitted to one low-resolution slice: its output, cut in k-space, must equal the
slice. With T1w and T2w at once, a trunk that both share feeds a head for each. The measured centre of k-space
takes the place of the output's own (k-space replacement, KR). Nothing is learned from other scans: what the
workflow calls training is the fit of every test slice, many at a time.

====================================  ==================================================================
In the paper                          Here
====================================  ==================================================================
Sect. 2.1, downsampler d              ``mlmi2023.physics.kspace.crop``
Sect. 2.1, Eq. 1, DIP                 ``networks.SkipNet``, ``train.Fit`` with ``modalities: alone``
Sect. 2.1, Eq. 2, dmDIP, Fig. 1       ``networks.DualNet``, ``train.Fit`` with ``modalities: together``
Sect. 2.1, KR                         ``mlmi2023.physics.kspace.replace``, on outputs alone
Sect. 2.1, 7000 iterations, Adam      ``train.plan``, ``config/papers/dmdip.yaml``
Outcomes every 100 iterations         ``outcomes.Outcomes``
Sect. 3.1, slices and their LR        ``slices.load_slices``
Many slices at once                   ``banked``: a network per slice, side by side
Table 1, bicubic and sinc             ``interpolation``
Table 1, run times                    ``timing``
Figs. 2 to 6                          ``figures``
====================================  ==================================================================

What was settled differently from the paper, or where it is silent: ``deviations.yaml``.
"""
