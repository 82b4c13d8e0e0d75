"""GABA-edited MRS from a quarter of the transients (Berto et al., MLMI 2023): paper to code.

Forty pairs of edit-ON and edit-OFF transients become one difference spectrum by a 1D U-Net or the Rdc-UNET2D,
from both or from their differences, trained on scans or on simulations first. The target is the conventional
reconstruction of all pairs.

===================================  ================================================================
In the paper                         Here
===================================  ================================================================
Sect. 2.1, simulated pairs           ``simulations``, on ``mlmi2023.physics.mega_press``
Sect. 2.1, scans, Gannet             ``mlmi2023.cohorts.forms.spectra``; ``gannet.reconstructed``
Sect. 2.2, normalisation, inputs     ``inputs.scale``, ``inputs.network_input``
Sect. 2.2, 1D U-NET                  ``unet1d.UNet1d``
Sect. 2.2, Fig. 2, Rdc-UNET2D        ``model.RdcUNet2d``
Sect. 2.3, simulated training        ``simulations.Simulated``, stage ``pretrain``
Sect. 2.3, in vivo training          ``scans.Quarters``, stage ``main``
Sect. 2.3, loss                      ``losses.RegionLoss``
Sect. 2.4, MSE, SNR                  ``measures``
Sect. 2.4, GABA fit error            ``fit.fitted``
Sect. 3, Wilcoxon test, Table 1      ``evaluate.score``
Fig. 4                               ``figures.FIGURES``
GABA's error, MSE to the truth       ``evaluate``, ours
Quality of scans that are not edited ``quality``, ours
===================================  ================================================================

What was settled differently from the paper, or where it is silent: ``deviations.yaml``.
"""
