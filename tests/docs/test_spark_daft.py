"""The recipes for Spark and Daft give the spans of `nlp.pipe`. What is not installed is skipped."""

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import spacy
import srsly
from conftest import ROOT
from markdown_pages import read_page
from spacy.tokens import DocBin

MODULE, *RECIPES = [block.code for block in read_page(ROOT / "docs" / "guide" / "spark-daft.md")[0]]


@pytest.mark.parametrize(
    ("package", "recipe"), [(name, next(code for code in RECIPES if name in code)) for name in ("pyspark", "daft")]
)
def test_recipe_finds_the_spans_of_pipe(
    package: str, recipe: str, tmp_path: Path, trained: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    if find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    if package == "pyspark" and shutil.which("java") is None:
        pytest.skip("Spark needs Java, which is not installed")
    model, data = trained
    shutil.copytree(model, tmp_path / "training" / "model-best")
    texts = [doc.text for doc in DocBin().from_disk(data).get_docs(spacy.blank("en").vocab)]
    (tmp_path / "my").mkdir()
    # Another field is carried through. A missing text is no error.
    records = [{"id": i, "text": text} for i, text in enumerate(texts)]
    srsly.write_jsonl(tmp_path / "my" / "train.jsonl", [*records, {"id": 99, "text": None}])
    (tmp_path / "find_spans.py").write_text(MODULE)
    (tmp_path / "recipe.py").write_text(recipe)
    # One process for Spark. Neither looks for other machines, nor asks the network for anything.
    settings = {
        "PYSPARK_PYTHON": sys.executable,
        "PYSPARK_SUBMIT_ARGS": "--master local[1] --conf spark.ui.enabled=false pyspark-shell",
        "SPARK_LOCAL_IP": "127.0.0.1",
        "DO_NOT_TRACK": "true",
    }
    done = subprocess.run(
        [sys.executable, "recipe.py"], cwd=tmp_path, env={**os.environ, **settings}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    [folder] = tmp_path.glob("found-by-*")
    rows = [row for path in folder.glob("[!.]*.json*") for row in srsly.read_jsonl(path)]
    found = {row["id"]: row.get("found") or [] for row in rows}
    assert len(rows) == len(records) + 1
    assert found.pop(99) == []
    for i, doc in enumerate(spacy.load(model).pipe(texts)):
        group = doc.spans["sc"]
        expected = [
            {
                "start": span.start_char,
                "end": span.end_char,
                "label": span.label_,
                "score": pytest.approx(score, abs=1e-5),
            }
            for span, score in zip(group, group.attrs["scores"], strict=True)
        ]
        assert len(expected) > 2 or i
        assert found[i] == expected
