"""What a run was asked to do, and what it did. The folder of a run belongs to one set of settings."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import srsly

from ..errors import Errors
from .shards import PART, Record, ShardFolder, write_whole

SETTINGS, MANIFEST, FAILED = "settings.json", "manifest.json", "failed.jsonl"
PACKAGES = ("spacy-binder", "spacy", "thinc", "torch", "transformers")
# Those of the extras, and what they are imported as.
OPTIONAL = ("pyarrow", "ray")


def claim_folder(output: Path, settings: Mapping[str, Any]) -> None:
    """Note the settings of a run in its folder, or check that they are those of the run that was interrupted there.

    output (Path): The folder. It is made if it is missing.
    settings (Mapping): The settings, as JSON.
    RAISES (ValueError): If the folder has something else, or rows that were annotated with other settings.
    """
    path = output / SETTINGS
    if path.exists():
        before = _read(path)
        changed = [name for name in {**before, **settings} if before.get(name) != settings.get(name)]
        if changed:
            shown = "; ".join(
                f"{name} was {_show(before.get(name))}, now {_show(settings.get(name))}" for name in changed
            )
            raise ValueError(Errors.B094.format(output=output, changed=shown))
        return
    # A run that was killed while it wrote its settings leaves a part of them.
    if output.exists() and any(found.name != f"{SETTINGS}{PART}" for found in output.iterdir()):
        raise ValueError(Errors.B093.format(output=output))
    output.mkdir(parents=True, exist_ok=True)
    _write(path, settings)


def read_manifest(output: Path) -> dict[str, Any] | None:
    """RETURNS (dict, optional): The manifest of a run that has come to its end."""
    path = output / MANIFEST
    return _read(path) if path.exists() else None


def write_manifest(
    shards: ShardFolder,
    model: str,
    settings: Mapping[str, Any],
    *,
    rows_in: int,
    before: Sequence[Record],
    seconds: float,
) -> dict[str, Any]:
    """Check that all rows are there, and write the manifest and the rows that failed.

    shards (ShardFolder): The shards.
    model (str): The pipeline, as the user named it.
    settings (Mapping): The settings of the run.
    rows_in (int): The rows of the corpus.
    before (Sequence[Record]): The shards that an earlier, interrupted run had written.
    seconds (float): What this run took.
    RETURNS (dict): The manifest.
    RAISES (ValueError): If the rows that were read are not those that were written and those that failed.
    """
    records = shards.records()
    failed = [row for record in records for row in record.failed]
    rows_out = shards.count(records)
    if rows_in != rows_out + len(failed) or sum(record.rows for record in records) != rows_in:
        raise ValueError(Errors.B096.format(rows_in=rows_in, out=rows_out, failed=len(failed), folder=shards.output))
    words = sum(record.words for record in records)
    earlier = sum(record.words for record in before)
    manifest = {
        "rows_in": rows_in,
        "rows_out": rows_out,
        "rows_failed": len(failed),
        "words": words,
        "seconds": round(seconds, 3),
        "words_per_second": round((words - earlier) / seconds, 1),
        "resumed": {"rows": sum(record.rows for record in before), "words": earlier},
        "shards": [record.name for record in records],
        "model": model,
        "settings": dict(settings),
        "versions": _versions(),
    }
    write_whole(shards.output / FAILED, lambda part: srsly.write_jsonl(part, failed))
    _write(shards.output / MANIFEST, manifest)
    return manifest


def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version(), **{package: version(package) for package in PACKAGES}}
    for package in OPTIONAL:
        with suppress(PackageNotFoundError):
            versions[package] = version(package)
    return versions


def _write(path: Path, value: Mapping[str, Any]) -> None:
    # Not srsly, which keeps ten decimals of a threshold.
    text = json.dumps(dict(value), indent=2)
    write_whole(path, lambda part: part.write_text(text, encoding="utf8"))


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf8"))
    except (OSError, ValueError) as error:
        raise ValueError(Errors.B044.format(path=path, cause=error)) from None
    if not isinstance(found, dict):
        raise ValueError(Errors.B044.format(path=path, cause="it has no JSON object"))
    return found


def _show(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
