# What the bench record is made of, and which configuration it must be compared with today.


def user_files():
    """Return the config files that this run was given on top of config/config.yaml, as the user named them."""
    return [os.path.relpath(f, ROOT) for f in workflow.overwrite_configfiles]


def record_file(slug):
    return ROOT / f"resources/bench/{slug}/record.json"


#: The overview of all records; it knows no scale, so it stands beside the folders of the scales.
RECORDS = (SETTINGS.results.parent / "records/index.html").as_posix()


def record_page(slug):
    return RECORDS.replace("index.html", f"{slug}/index.html")


def recorded():
    """Return the papers that have a record."""
    return [slug for slug in SETTINGS.known if record_file(slug).exists()]


def told_by(slug):
    """Return the files beside a paper's code that its pages print."""
    folder = ROOT / "workflow/mlmi2023/papers" / slug
    names = ("deviations.yaml", "findings.yaml")
    return [folder / name for name in names if (folder / name).exists()]


def summary_of(slug):
    """Return the paper's summary at scale bench, whatever this run's scale and overrides."""
    config = at_scale(read_yaml(ROOT / f"config/papers/{slug}.yaml"), "bench")
    return config["summary"]


def record_input(slugs):
    """Return the records that are there, so that pages follow when one is published."""
    return [str(record_file(slug)) for slug in slugs if record_file(slug).exists()]


def record_parts(slugs):
    """Return the other files of the records that are there: pages follow an edit, and say so."""
    folders = [record_file(slug).parent for slug in slugs if record_file(slug).exists()]
    files = [file for folder in folders for file in folder.rglob("*") if file.is_file()]
    return sorted(str(file) for file in files if file.name != "record.json")


def record_today(slug):
    """Return the hash of today's configuration for the run that the record was made by; None without a record."""
    if not record_file(slug).exists():
        return None
    about = ask(read_about, record_file(slug).parent)
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
        stop(
            f"records are made of the scale bench, this run has scale {SETTINGS.scale}; "
            "add --config scale=bench"
        )
    if own := own_of(wildcards.paper):
        stop(
            f"paper '{wildcards.paper}': {', '.join(own.values())} is your own data, of which no bench record "
            "is made; leave it out of the config"
        )
    return f"{RESULTS}/{wildcards.paper}/claims.csv"
