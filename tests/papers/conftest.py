"""The tiny run that the tests of all papers read."""

from pathlib import Path

import pytest

from tiny_run import run

HERE = Path(__file__).parent


def paper_of(item):
    """Return the slug of the paper that a test belongs to."""
    return item.path.relative_to(HERE).parts[0]


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items):
    """Give tests of the tiny run to one worker, which begins with them: it is the longest of all."""
    for item in items:
        if "tiny_run" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("tiny run"))
            item.add_marker(pytest.mark.slow)
            item.add_marker(pytest.mark.timeout(2400))
    items.sort(key=lambda item: "tiny_run" not in getattr(item, "fixturenames", ()))


@pytest.fixture(scope="session")
def tiny_run(request, tmp_path_factory):
    """One workflow of all papers whose selected tests ask for it; one paper's tests run that paper alone."""
    asking = [item for item in request.session.items if "tiny_run" in getattr(item, "fixturenames", ())]
    if hasattr(request.config, "workerinput"):  # else each worker would make the whole run for itself
        assert all("@tiny run" in item.nodeid for item in asking), "pytest-xdist has not grouped these tests"
    return run(tmp_path_factory.mktemp("tiny"), sorted({paper_of(item) for item in asking}))
