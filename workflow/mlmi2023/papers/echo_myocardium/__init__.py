"""Domain-free semi-supervised segmentation of the myocardium (Song et al., MLMI 2023): paper to code.

A network for sequences of echocardiography that is trained on one vendor's machine is to work on another's.
Two cues do not depend on the machine: how the heart moves, which the network finds as optical flow, and what
shape the myocardium has, for which frames without labels compete with labelled ones.

====================================  ==================================================================
In the paper                          Here
====================================  ==================================================================
Sect. 2.1, Fig. 2, OFSNet             ``model.OfsNet``; U2-Net ``u2net``, PWC block ``pwc``
Eqs. 1 to 3, frames t apart           ``flow_losses.photometric``, ``clips.Clips``
Eq. 4, census                         ``flow_losses.census``
Smoothness, Eq. 7                     ``flow_losses.smoothness``, ``losses.flow_terms``
Eq. 5, masks carried by the flow      ``flow_losses.flow_dice``
Eq. 6, L_OF                           ``losses.flow_terms``
Sect. 2.2, signed distances           ``distances``, head ``shape`` of ``model.OfsNet``
Sect. 2.2, discriminator              ``discriminator``
Eqs. 8 to 10                          ``module.ClipTraining.objective``, ``losses``
Sect. 3, data                         form ``sequences``; stand-in: simulator ``moving_hearts``
Table 1, Unet, Unet++, BASNet, SOCOF  ``networks``, ``basnet``; SOCOF: ``OfsNet`` with flow in its last layer
Tables 1 and 2, Figs. 1 and 3 to 5    ``evaluate.score``, ``figures``
====================================  ==================================================================

What was settled differently from the paper, or where it is silent: ``deviations.yaml``.
"""
