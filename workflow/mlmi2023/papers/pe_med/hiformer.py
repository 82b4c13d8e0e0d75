"""HiFormer: that of the paper that compares with it already."""

from mlmi2023.papers.fine_grained_wavelet.hiformer import HiFormer

__all__ = ["HiFormer"]
