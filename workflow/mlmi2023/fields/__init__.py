"""Dense displacement fields: warp, compose, integrate, B-splines, Jacobians."""
