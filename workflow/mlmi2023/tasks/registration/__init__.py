"""What papers that register pairs of images share.

``pairs`` says which images are registered to which and ``volumes`` serves them. ``objective`` and ``module``
train on them, ``methods`` and ``predict`` register, ``stored`` is what that leaves, ``measures`` and
``score`` judge it, and ``figures`` draws it. Fields are (3, X, Y, Z) in voxels and pull: ``warped(x) =
moving(x + u(x))``.
"""
