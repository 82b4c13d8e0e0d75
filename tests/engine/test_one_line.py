"""A user's mistake ends Snakemake with one line; broken config files are found before it reads them."""

import logging

import pytest

from mlmi2023.core.errors import InputError
from mlmi2023.engine.mistakes import check_config_files, stop


def test_a_mistake_is_printed_and_ends_with_status_1(caplog):
    with caplog.at_level(logging.ERROR), pytest.raises(SystemExit) as ended:
        stop(InputError("config: key 'a' is 1\nand 2"))
    assert ended.value.code == 1
    assert [record.getMessage() for record in caplog.records] == [r"error: config: key 'a' is 1\nand 2"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["-n", "--configfile", "good", "bad"],
        ["--configfile=bad", "-n"],
        ["--configfiles", "good", "bad", "--cores", "1"],
        ["--configfile", "good", "-n", "--configfile", "bad"],
    ],
)
def test_every_config_file_of_a_command_is_read(tmp_path, arguments):
    (tmp_path / "good").write_text("papers: [ia_gcn]\n")
    (tmp_path / "bad").write_text("papers: [ia_gcn\n")

    def placed(argument):
        return argument.replace("good", f"{tmp_path}/good").replace("bad", f"{tmp_path}/bad")

    with pytest.raises(SystemExit) as ended:
        check_config_files([placed(a) for a in arguments])
    assert str(ended.value.code).startswith(f"error: {tmp_path}/bad: not valid YAML: line 2")
    check_config_files([placed(a.replace("bad", "good")) for a in arguments])


def test_other_arguments_are_no_config_files():
    check_config_files(["all", "--config", "papers=[ia_gcn]", "--profile", "slurm", "-c", "1", "records"])
