"""Samples on their way to the network: order, patches and augmentation on the device."""
