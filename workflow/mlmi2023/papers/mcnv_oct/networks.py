"""The networks of Table 1 that no library has, by name; U-Net and Attention U-Net are shared ones."""

from mlmi2023.nets.registry import network_at

HERE = "mlmi2023.papers.mcnv_oct"

network_at("parallel_net", 2, f"{HERE}.model:ParallelNet", encoder="cnn.net")
network_at("utnet", 2, f"{HERE}.utnet:UTNet")
network_at("res_utnet", 2, f"{HERE}.utnet:ResUTNet", encoder="encoder")
network_at("tmunet", 2, f"{HERE}.tmunet:TMUNet", encoder="encoder")
