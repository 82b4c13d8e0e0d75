from mlmi2023.engine.scripting import logged

with logged(snakemake):
    from pathlib import Path

    from mlmi2023.core.errors import InputError
    from mlmi2023.core.files import atomic
    from mlmi2023.reproducibility.against_record import Tolerance
    from mlmi2023.reproducibility.run import check

    params = snakemake.params
    against = params.config.get("against")
    tolerance = Tolerance(**params.config.get("tolerance") or {})
    verdicts = check(
        params.papers,
        {k: v for k, v in params.config.items() if k not in ("against", "tolerance")},
        Path(params.root),
        Path(params.out),
        snakemake.threads,
        Path(against) if against else None,
        tolerance,
    )
    lines = [str(verdict) for verdict in verdicts]
    differ = sum(not verdict.same for verdict in verdicts)
    lines.append(f"{len(verdicts) - differ} of {len(verdicts)} files agree")
    if against:
        lines.append(f"tolerance: {tolerance}")
    with atomic(params.verdicts) as part:
        part.write_text("\n".join(lines) + "\n")
    print(*lines, sep="\n")
    if differ or not verdicts:
        raise InputError(f"{differ} of {len(verdicts)} files differ; see {params.verdicts}")
