"""Stand-in tables: measurements of subjects in communities, of which a few features bear on each target.

For every target a subject has a latent severity. Part of it is shared by the subject's community (people
alike in age, education and genes are alike in disease), the rest is its own; cut at quantiles it gives the
class. A few features measure the severity with noise, some strongly, some weakly, some as near copies of
another. A few say in which community a subject is, but a community's severity has nothing to do with where it
lies, so no linear use of them predicts the class. All other features are noise that goes along with its
block's nuisance factors (scanner, head size), and which drowns the communities in any distance over all
features.

So a classifier does well if it weighs the right features, and better if it pools them over the right
neighbours.
"""
