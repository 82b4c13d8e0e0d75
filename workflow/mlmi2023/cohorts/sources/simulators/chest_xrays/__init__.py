"""A grammar of chest X-rays: a scene of findings, from which picture, report and triples all follow.

=========== ========================================================================================
vocabulary  regions, kinds of finding, and how they are graded
styles      two institutions: how often they see and say what
scene       ``draw_scene(rng, style) -> Scene``: findings, and what is said to be absent
advice      ``impression_facts(scene)``: what an impression holds: core findings, diagnoses, follow-up
phrases     wordings of either institution
sections    ``findings_text(scene, rng)``, ``impression_text(scene, rng)``, ``indication_text(scene, rng)``
triples     ``triples(scene)``: entity, relation, location or value, in the order of the findings section
labeller    ``read_findings(text) -> list[Statement]``, ``read_advice(text)``: text back to facts
anatomy     a thorax: its outlines and the box of every region
shapes      blobs, lines and discs from which pictures are built
body        the picture of a healthy thorax
shadows     what findings of the lungs and pleura look like; ``hardware``: bones and devices
render      ``render(scene, size, rng) -> (image, boxes)``
=========== ========================================================================================

The labeller has words of its own and does not invert the wordings: what it misses is measured by its tests.
Right and left are the patient's: the right lung is on the left of the picture.
"""
