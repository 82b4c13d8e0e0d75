"""Stand-in CT pulmonary angiograms with records: emboli in an arterial tree, and rows that share a cause.

A patient has a latent severity. It decides, in part, both how much clot the arteries hold and how far vital
signs and laboratory values are off, so that image and record say partly the same and partly their own. The
files, in the order of the work:

========= ====================================================================================
options   the simulator's parameters and their defaults
patients  who has an embolism, of which type, how severe; splits by patient
tree      arteries from the trunk to sub-segmental branches, and veins, as tapered tubes
emboli    filling defects by type, and what they do to the blood behind them
phantom   chest, vessels and defects as a continuous phantom, sampled in Hounsfield units
scanner   contrast timing, mixing, streaks, noise
records   demographics, vital signs, diagnoses, medications, laboratory values
write     files in the layout in which RadFusion is published
cohort    all exams, in parallel
========= ====================================================================================
"""
