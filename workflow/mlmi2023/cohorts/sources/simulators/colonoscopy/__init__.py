"""Stand-in colonoscopy: frames of several centres, whose systems write over them.

A patient has one colon and perhaps one polyp, seen in several frames from other places. Lumps of mucosa look
nearly like polyps, so that a frame alone leaves doubt; what a centre's system writes over it may hint at the
polyp (an icon that is lit when there is one, a panel that makes room for it), and each centre in its own way.
Lengths are shares of the frame's width. The files:

========= =======================================================================
options   the simulator's parameters and their defaults
mucosa    the lumen, its folds, vessels and texture
lumps     polyps and their masks, and what looks like them: lumps and stool
scope     light, highlights, and the shape of the endoscope's view
overlays  text, miniatures, icons, borders, with their masks
cohort    all patients, in parallel, and their files
========= =======================================================================
"""
