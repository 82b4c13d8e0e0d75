# The bench record: claims and tables of a finished bench run, kept under resources/. `snakemake publish` writes it.


def user_files():
    """Return the config files that this run was given on top of config/config.yaml, as the user named them."""
    return [os.path.relpath(f, ROOT) for f in workflow.overwrite_configfiles]


def record_file(slug):
    return ROOT / f"resources/bench/{slug}/record.json"


def record_input(slugs):
    """Return the records that are there, so that pages follow when one is published."""
    return [str(record_file(slug)) for slug in slugs if record_file(slug).exists()]


def record_today(slug):
    """Return the hash of today's configuration for the run that the record was made by; None without a record."""
    if not record_file(slug).exists():
        return None
    about = read_json(record_file(slug))
    merged = read_yaml(ROOT / "config/config.yaml")
    for file in about["configfiles"]:
        if not (ROOT / file).exists():
            return f"{file} is gone"
        merged = merge(merged, read_yaml(ROOT / file))
    merged = merge(merged, {"scale": about["scale"], "papers": [slug]})
    try:
        return Settings(merged, ROOT).fingerprint(slug)
    except InputError as error:
        return f"no longer valid: {error}"


def at_bench(wildcards):
    if SETTINGS.scale != "bench":
        raise WorkflowError(
            f"records are made of the scale bench, this run has scale {SETTINGS.scale}; "
            "add --config scale=bench"
        )
    return f"{RESULTS}/{wildcards.paper}/claims.csv"


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
    threads: need("report", "threads")
    resources:
        mem_mb=need("report", "mem_mb"),
        runtime=need("report", "runtime"),
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
