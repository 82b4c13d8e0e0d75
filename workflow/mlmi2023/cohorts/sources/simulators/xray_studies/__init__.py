"""Stand-in studies of chest X-rays: pictures, boxes and findings of regions, reports, triples.

Each follows from one scene of the grammar ``chest_xrays``. So a report says what is in its picture, and some
of it, such as a change against an earlier film, nobody can see there. The files:

========= ============================================================================================
options   the simulator's parameters and their defaults
phrases   which sentences of a report speak of which regions
cohort    all studies, in parallel, and their files
========= ============================================================================================
"""
