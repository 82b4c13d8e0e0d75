"""Networks and processes that generate: diffusion by MONAI's schedulers and U-Net.

======== =================================================================================================
options  keys of a process, of its noise and of the U-Net
process  the forward process, and what a network's answer says of the clean image
sampling the way back, by DDIM's and DDPM's steps, under noise that is given
noise    Gaussian or simplex noise; fixed by (seed, case, slice) where results are made
simplex  simplex noise, a batch at a time
unet     MONAI's diffusion U-Net from its options
======== =================================================================================================
"""
