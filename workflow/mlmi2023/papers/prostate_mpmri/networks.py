"""The paper's own network by name; the U-Net beside it is a shared one."""

from mlmi2023.nets.registry import network_at

network_at("dospy_residual_usenet", 3, "mlmi2023.papers.prostate_mpmri.model:DospyResidualUsenet")
