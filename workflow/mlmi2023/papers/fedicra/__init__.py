"""FedICRA: sites with unlike weak labels train together (Lin et al., MLMI 2023): paper to code.

Each site labels its images in a way of its own. All share an encoder that knows which site it looks at; each
has a decoder, which begins every round as a mixture of its own and the common one, weight by weight.

=====================================  =================================================================
In the paper                           Here
=====================================  =================================================================
Sect. 2, Eq. 1, rounds                 ``client.Client``, ``server.Server``, ``module.Federated``
Fig. 2, network                        ``model.SiteUnet``
Sect. 2, SCR: channel selection        ``model.ChannelSelection``; Eq. 2: ``losses.site_contrast``
Sect. 2, AA: Eqs. 3 and 4              ``adaptive``
Eq. 5, partial cross-entropy           ``losses.partial_cross_entropy``
Eqs. 6 and 7, multi-scale tree energy  ``tree``
gated CRF                              ``gated_crf``
Eqs. 8 and 9                           ``losses.local_loss``; lambda 1 to 3: the methods' key ``weights``
Sect. 3, data                          ``cases``, ``samples``; stand-ins: simulators ``fundus``, ``octa``
Sect. 3, weak labels                   ``weak``
Sect. 3, other federations             ``strategies``, ``client``, ``server``
Sect. 3, DSC and HD95, Tables 1 to 3   ``evaluate``
Figs. 3 and 4, and figures of ours     ``figures``
=====================================  =================================================================

All sites train in one process. The same clients run in a process each, joined by Flower: ``flower``.
What was settled differently from the paper, or where it is silent: ``deviations.yaml``.
"""
