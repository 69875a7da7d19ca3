"""`constraints.txt`: an exact version of each package that `setup.cfg` asks for, which fits what it asks for."""

import configparser

import pytest
from conftest import ROOT
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

SETTINGS = configparser.ConfigParser()
SETTINGS.read(ROOT / "setup.cfg", encoding="utf8")
EXTRAS = {"install_requires": SETTINGS["options"]["install_requires"], **SETTINGS["options.extras_require"]}
PINS = [
    Requirement(line)
    for line in (ROOT / "constraints.txt").read_text(encoding="utf8").splitlines()
    if line and not line.startswith("#")
]


@pytest.mark.parametrize("extra", EXTRAS)
def test_each_package_has_a_version_that_fits(extra):
    for wanted in map(Requirement, filter(None, EXTRAS[extra].splitlines())):
        pins = [pin for pin in PINS if canonicalize_name(pin.name) == canonicalize_name(wanted.name)]
        versions = [spec.version for pin in pins for spec in pin.specifier]
        assert versions, f"{wanted} has no version in constraints.txt"
        assert all(wanted.specifier.contains(version) for version in versions), (str(wanted), versions)


def test_no_extra_takes_cupy_from_spacy():
    # `spacy[cuda12x]` wants CuPy below 13, whose NumPy is 1. This package and thinc want NumPy 2.
    assert not any(Requirement(line).extras for line in filter(None, EXTRAS["cuda12x"].splitlines()))
