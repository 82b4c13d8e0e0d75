"""The paper's networks by name."""

from mlmi2023.nets.registry import network_at

HERE = "mlmi2023.papers.colonoscopy_aug"

network_at("unet_bilinear", 2, f"{HERE}.unet:BilinearUnet")
network_at("deeplab", 2, f"{HERE}.deeplab:DeepLabV3Plus", encoder="encoder")
network_at("sdnet", 2, f"{HERE}.sdnet:SDNet")
