"""What simulators of ultrasound share: probes and vendors, tissue, shadows, and the way to a picture.

======== ===============================================================================
options  a scanner's parameters: sector, and the vendor's style; their check
machine  one scanner at work, drawn from these; a cloud of scatterers becomes a picture
tissue   from label maps to what a scanner needs: levels, walls, ribs, calcifications
======== ===============================================================================

The physics is :mod:`mlmi2023.physics.speckle`, geometry :mod:`mlmi2023.physics.sector`. A simulator has the
key ``scanner`` in its ``DEFAULTS`` (:func:`.options.scanner`), checks it with
:func:`.options.read_scanner`, and for each image::

    machine = draw_machine(rng, options["scanner"])
    sector = machine.sector
    x, z = sector.pixels((512, 512))             # mm; draw shapes on any grid, finer than the picture
    labels = ...                                 # (512, 512) label map, 0 where nothing is known
    strength = 10 ** (levels(labels, {0: -6, 1: -40}) / 20)
    mirror = walls(sector, labels == 1, strength=4, thickness=1, exponent=2)
    bright, loss = calcifications(rng, sector, labels == 1, count=2, radius=1.5, strength=8, shadow=30)
    cloud = scatter(rng, sector, machine.margin)
    image = machine.picture(
        rng, cloud, sector.read(strength, cloud.x, cloud.z), (208, 208), mirror + bright,
        loss + ribs(rng, sector, count=1, width=6, shadow=20),
    )
    truth = labels_in(sector, labels, (208, 208))

Maps of labels and strength are images of the whole sector in any number of pixels; what depends on beams
(walls, losses) is (S, B), sample by beam. For a sequence, the cloud and the strength of each scatterer are
made once, with the machine's margin and as much more as tissue moves; each frame takes
``cloud.moved(dx, dz)``, with displacements (mm) at the first places ``cloud.x``, ``cloud.z``, and walls
and losses of the frame's own label map::

    strength_of_each = sector.read(strength, cloud.x, cloud.z)
    frames = [machine.picture(rng, cloud.moved(*u(cloud.x, cloud.z)), strength_of_each, ...) for u in fields]

Speckle then moves with the tissue, while shadows and what drops out stay with the beams.
"""
