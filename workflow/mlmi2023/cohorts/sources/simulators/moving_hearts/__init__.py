"""Hearts that beat in two apical views, from end-diastole to end-systole, with labels and motion.

======= ===============================================================================
options the simulator's parameters, their defaults and their check
heart   a left ventricle, what lies around it, and how all of it moves
scene   what a scanner hears of it: strengths, walls, dropout, haze
cohort  all patients, and the files that they become
======= ===============================================================================

Speckle is carried by the tissue: scatterers move with the heart and are heard again in every frame.
"""
