"""The networks that no library has, by name; U-Net is a shared one."""

from mlmi2023.nets.registry import network_at

HERE = "mlmi2023.papers.prostate_cancer_ms"

network_at("spcnet", 2, f"{HERE}.spcnet:SPCNet")
network_at("branched_unet", 2, f"{HERE}.branched:BranchedUNet")
