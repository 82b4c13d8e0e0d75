# The bench record: claims and tables of a finished bench run, kept under resources/. `snakemake publish` writes it.


rule record:
    input:
        claims=at_bench,
        tables=lambda w: expand(
            f"{PAPER}/tables/{{table}}.csv", paper=w.paper, table=tables_of(w.paper)
        ),
        metrics=f"{PAPER}/metrics.csv",
        reports=training_reports,
        reported=lambda w: reported(w.paper),
    output:
        touch(f"{PAPER}/.published"),
    log:
        f"{LOGS}/record/{{paper}}.log",
    benchmark:
        f"{BENCHMARKS}/record/{{paper}}.tsv"
    conda:
        "../../envs/report.yaml"
    threads: config["resources"]["report"]["threads"]
    resources:
        **needs("report"),
    params:
        about=lambda w: {
            "scale": SETTINGS.scale,
            "configfiles": user_files(),
            "config_hash": SETTINGS.fingerprint(w.paper),
            "sources": sorted(
                {
                    s
                    for c in cohorts_of(w.paper)
                    for s in cohort_sources(SETTINGS.cohort(c))
                }
            ),
        },
        out=lambda w: str(record_file(w.paper).parent),
    message:
        "publish the bench record of {wildcards.paper}"
    script:
        "../scripts/record.py"


rule publish:
    input:
        expand(f"{PAPER}/.published", paper=SETTINGS.papers),
    localrule: True
