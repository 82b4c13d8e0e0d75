"""Masked diffusion for anomalies in brain MRI (Iqbal et al., MLMI 2023): paper to code.

A diffusion network learns on healthy T2 slices to undo both noise and a masking of the image or of its
spectrum. At test it is given the slice as it is, noised once, and "repairs" lesions like masks: where slice
and answer differ lies the anomaly.

==============================  ====================================================================
In the paper                    Here
==============================  ====================================================================
Sect. 2.1, Eqs. 1 and 2         ``torch.fft``
Sect. 2.2, Eq. 3, schedules, noise``mlmi2023.nets.generation.process``, ``noise``, ``simplex``
Sect. 2.2, Eq. 5                ``mlmi2023.tasks.generation.denoiser``
Sect. 2.3, Eq. 6, IPM           ``masking.image_patches``
Sect. 2.3, Eq. 7, FPM           ``masking.frequency_patches``
Sect. 2.3, Eq. 8, FPM-CM, Fig. 2``masking.Masking``
Sect. 3.1, data                 form ``volumes``; stand-in: ``cohorts.simulators.t2_anomalies``; ``heads``
Sect. 3.1, training             ``train.plan``, ``diffusion``
VAE, SVAE, DAE                  ``autoencoders``, ``autoencode``
f-AnoGAN                        ``anogan``
pDDPM                           ``patched``
Sect. 3.2, one estimate at t_fix``reconstruct``, ``mlmi2023.nets.generation.sampling.one_step``
Sect. 3.2, post-processing      ``maps``
Sect. 3.2, Dice, AUPRC, Table 1 ``evaluate``
Fig. 3, and figures of ours     ``figures.FIGURES``
==============================  ====================================================================

What was settled differently from the paper, or where it is silent: ``deviations.yaml``.
"""
