# A finished paper as a research object: `snakemake crate` describes what its folder holds as RO-Crate.


rule ro_crate:
    input:
        page=f"{PAPER}/index.html",
        metrics=f"{PAPER}/metrics.csv",
        claims=f"{PAPER}/claims.csv",
        tables=lambda w: expand(
            f"{PAPER}/tables/{{table}}.csv", paper=w.paper, table=tables_of(w.paper)
        ),
        figures=lambda w: expand(
            f"{PAPER}/figures/{{figure}}.png",
            paper=w.paper,
            figure=[*figures_of(w.paper), "claims"],
        ),
        reports=training_reports,
        reported=lambda w: reported(w.paper),
        citation=ROOT / "CITATION.cff",
    output:
        f"{PAPER}/ro-crate-metadata.json",
    log:
        f"{LOGS}/ro_crate/{{paper}}.log",
    benchmark:
        f"{BENCHMARKS}/ro_crate/{{paper}}.tsv"
    conda:
        "../../envs/report.yaml"
    threads: config["resources"]["report"]["threads"]
    resources:
        **needs("report"),
    params:
        scale=SETTINGS.scale,
    message:
        "describe {wildcards.paper} as RO-Crate"
    script:
        "../scripts/ro_crate.py"


rule crate:
    input:
        expand(f"{PAPER}/ro-crate-metadata.json", paper=SETTINGS.papers),
    localrule: True
