"""PE-MED: prompt enhancement for interactive segmentation (Chang et al., MLMI 2023): paper to code.

A user clicks, the network answers with the mask of one object; the next click is where it errs most.

====================================  ==================================================================
In the paper                          Here
====================================  ==================================================================
Fig. 1, encoder of four blocks        ``encoder.Mit``
Fig. 1, fusion modules and decoder    ``decoder.MlpDecoder``
Fig. 1, the whole                     ``model.PeMed``
Sect. 2.1, Self-Loop                  ``interacting.Interaction.answer``
Sect. 2.2, disks of clicks            ``clicks.disk_maps``
Sect. 2.2, theta_c                    ``attention``
Sect. 2.2, Eqs. 1 and 2, PALM-I       ``palm.PalmI``
Sect. 2.2, Eq. 3, PALM-O              ``palm.PalmO``
Sect. 2.3, Eq. 4, TSIP                ``model.Memory``
Sect. 3, normalised focal loss        ``losses``
Sect. 3, clicks by simulation         ``clicks.next_click``, ``interacting``
Sect. 3, training                     ``source``, ``module``, ``train``
Sect. 3, objects of slices            ``objects``
Sect. 3, Dice and NoC                 ``measures``, ``evaluate``
Tables 1 and 2, iSegFormer, SAM       ``isegformer``, ``sam`` (on stand-ins learned from ``shapes``)
Table 1, GrabCut                      ``grabcut``
Table 1, automatic networks           ``mlmi2023.nets.segmentation``; ``networks.HIFORMER``
Table 3, ablations                    keys ``palm_i``, ``palm_o``, ``tsip`` and ``self_loop``
Figs. 3 and 4, and ours               ``figures``
====================================  ==================================================================

What was settled differently from the paper, or where it is silent: ``deviations.yaml``.
"""
