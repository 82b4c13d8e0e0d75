"""The paper's own networks by name; the other rows of Tables 1 and 2b are shared ones."""

from mlmi2023.nets.registry import network_at

HERE = "mlmi2023.papers.fine_grained_wavelet"

network_at("fet", 2, f"{HERE}.model:FrequencyUnet")
network_at("levit_unet", 2, f"{HERE}.levit_unet:LevitUnet")
network_at("r50_unet", 2, f"{HERE}.convolutional:ResUnet", encoder="encoder")
network_at("deeplabv3p", 2, f"{HERE}.convolutional:DeepLabV3Plus", encoder="encoder")
network_at("hiformer", 2, f"{HERE}.hiformer:HiFormer", encoder="cnn")
network_at("tmu_net", 2, f"{HERE}.tmu_net:TMUNet", encoder="encoder")
