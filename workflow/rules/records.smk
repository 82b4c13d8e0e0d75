# The bench records as pages, made of what the repository keeps: needs no cohort and no training.


rule records:
    input:
        records=[str(record_file(slug)) for slug in recorded()],
        parts=lambda w: record_parts(SETTINGS.known),
        reported=[reported(slug) for slug in SETTINGS.known],
        told=[str(file) for slug in SETTINGS.known for file in told_by(slug)],
    output:
        index=RECORDS,
        pages=[record_page(slug) for slug in recorded()],
    log:
        f"{LOGS}/records.log",
    benchmark:
        f"{BENCHMARKS}/records.tsv"
    conda:
        "../../envs/report.yaml"
    threads: config["resources"]["report"]["threads"]
    resources:
        **needs("report"),
    params:
        papers=SETTINGS.known,
        today=lambda w: {slug: record_today(slug) for slug in recorded()},
        summaries=lambda w: {slug: summary_of(slug) for slug in recorded()},
    message:
        "write the pages of all bench records"
    script:
        "../scripts/records.py"
