"""The research object: a root dataset, files that are there, licence, author, and the code that made them."""

import json

import pytest

from mlmi2023.core.files import write_json
from mlmi2023.core.provenance import provenance
from mlmi2023.core.yaml_files import read_yaml
from mlmi2023.reporting.crate import describe
from reporting_data import paper

CITATION = {"title": "tool", "version": "1.2", "license": "MIT", "authors": [{"name": "The authors"}]}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "tables").mkdir()
    for name in ("index.html", "metrics.csv", "tables/table1.csv"):
        (tmp_path / name).write_text(name)
    run = {"dataset": "d1", "method": "a", "seed": 0, "fold": 0, "steps": 2, "seconds": 5.0}
    run |= {
        "config_hash": "c",
        "data_hash": "da7a",
        "provenance": {**provenance(1), "code_version": "abc123"},
    }
    write_json(tmp_path / "train.json", run)
    return tmp_path


def make(folder):
    names = ("index.html", "metrics.csv", "tables/table1.csv", "train.json")
    files = [folder / name for name in names]
    content = describe(paper(), "bench", folder, files, [folder / "train.json"], CITATION)
    write_json(folder / "ro-crate-metadata.json", content)
    return {entity["@id"]: entity for entity in content["@graph"]}


def test_the_crate_has_what_the_format_asks_for(folder):
    graph = make(folder)
    assert graph["ro-crate-metadata.json"]["about"] == {"@id": "./"}
    assert "ro/crate/1." in graph["ro-crate-metadata.json"]["conformsTo"]["@id"]
    root = graph["./"]
    assert root["@type"] == "Dataset" and root["name"] and root["description"] and root["datePublished"]
    assert graph[root["license"]["@id"]]["name"] == "MIT licence"
    assert [graph[a["@id"]]["name"] for a in root["author"]] == ["The authors"]
    assert graph[root["isBasedOn"]["@id"]]["@type"] == "ScholarlyArticle"


def test_every_file_is_there_with_its_size_and_hash(folder):
    graph = make(folder)
    parts = [part["@id"] for part in graph["./"]["hasPart"]]
    assert set(parts) == {"index.html", "metrics.csv", "tables/table1.csv", "train.json"}
    for part in parts:
        assert graph[part]["contentSize"] == str((folder / part).stat().st_size)
        assert graph[part]["identifier"].startswith("sha256:")


def test_the_run_names_code_hardware_and_data(folder):
    graph = make(folder)
    run = graph["#run"]
    assert run["@type"] == "CreateAction" and len(run["result"]) == 4
    software = graph[run["instrument"]["@id"]]
    assert "abc123" in software["softwareVersion"] and any(
        "python" in r for r in software["softwareRequirements"]
    )
    assert "cpu" in run["description"] and "da7a" in run["description"]


def test_no_reference_leads_nowhere_and_the_library_reads_it_back(folder):
    from rocrate.rocrate import ROCrate

    graph = make(folder)

    def references(value):
        if isinstance(value, dict):
            if set(value) == {"@id"}:
                yield value["@id"]
            for inner in value.values():
                yield from references(inner)
        elif isinstance(value, list):
            for inner in value:
                yield from references(inner)

    for entity in graph.values():
        own = {k: v for k, v in entity.items() if k not in ("@id", "conformsTo")}
        assert set(references(own)) <= set(graph), entity["@id"]
    assert ROCrate(folder).root_dataset["name"].endswith("results at scale bench")
    json.loads((folder / "ro-crate-metadata.json").read_text())


def test_the_citation_file_has_what_the_crate_needs():
    from pathlib import Path

    citation = read_yaml(Path(__file__).parents[2] / "CITATION.cff")
    assert set(CITATION) <= set(citation)
