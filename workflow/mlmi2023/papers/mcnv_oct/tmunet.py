"""TMUNet: that of the paper that compares with it already."""

from mlmi2023.papers.fine_grained_wavelet.tmu_net import TMUNet

__all__ = ["TMUNet"]
