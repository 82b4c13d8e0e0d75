# Targets by name: `snakemake` makes what the config names, `snakemake <paper>` one paper.
localrules:
    all,


rule all:
    default_target: True
    input:
        f"{RESULTS}/index.html",


for slug in SETTINGS.known:

    rule:
        name:
            slug
        localrule: True
        input:
            f"{RESULTS}/{slug}/index.html",
