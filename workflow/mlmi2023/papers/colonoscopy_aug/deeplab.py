"""DeepLabV3+ with ResNet-101: that of the paper that compares with it already."""

from mlmi2023.papers.fine_grained_wavelet.convolutional import DeepLabV3Plus

__all__ = ["DeepLabV3Plus"]
