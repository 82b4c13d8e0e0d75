"""Registration without networks, by antspyx and NiftyReg, and the way of images and fields to them."""
