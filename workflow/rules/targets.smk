# Targets by name: `snakemake <paper>` makes one paper.
for slug in SETTINGS.known:

    rule:
        name:
            slug
        input:
            f"{RESULTS}/{slug}/index.html",
        localrule: True
