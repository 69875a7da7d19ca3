"""What stops a run, and how it goes on: full disks, killed workers, other settings, and rows that are refused."""

import select
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from multiprocessing import active_children
from pathlib import Path

import dying_workers
import pytest
import spacy
from annotated_files import annotate, read_json, read_rows, require_equal, sentences, write_rows

from spacy_binder.annotation import local_engine, parquet_rows
from spacy_binder.annotation import manifest as manifests
from spacy_binder.annotation.annotator import ModelSettings, model_checksum
from spacy_binder.annotation.formats import Fields, open_source
from spacy_binder.annotation.local_engine import annotate_in_processes, remaining_batches
from spacy_binder.pipeline import BinderNER


@pytest.fixture
def annotated(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts that the component was asked to find spans in, in this process."""
    texts: list[str] = []
    predict = BinderNER.predict

    def counting(pipe: BinderNER, docs: Iterator) -> list:
        docs = list(docs)
        texts.extend(doc.text for doc in docs)
        return predict(pipe, docs)

    monkeypatch.setattr(BinderNER, "predict", counting)
    return texts


def test_full_disk(
    small_disk: tuple[Path, Callable[[str], None]], annotated: list[str], trained: tuple[Path, Path], tmp_path: Path
) -> None:
    """The error names the shards that are whole. Nothing is left of the other one. Only it and the rest are done."""
    disk, resize = small_disk
    texts = sentences(trained[1])[:8]
    big = [{"text": text, "scan": "0" * 300_000 * (i == 5)} for i, text in enumerate(texts)]
    source = write_rows(tmp_path / "in.jsonl", big)
    arguments = (trained[0], source, disk / "out", "--shard", 2, "--batch-size", 2)
    resize("200k")
    printed = annotate(*arguments, exit_code=1)
    assert "B097" in printed
    assert "These shards are whole, and nothing is left of others: 2 (000001.jsonl, 000002.jsonl)" in printed
    assert sorted(path.name for path in (disk / "out" / "shards").iterdir()) == ["000001.jsonl", "000002.jsonl"]
    assert not (disk / "out" / "manifest.json").exists()
    resize("8m")
    annotated.clear()
    assert "Going on: 4 of 8 rows were annotated before" in annotate(*arguments)
    # The first text is what the pipeline is tried on.
    assert annotated[1:] == texts[4:]
    assert require_equal(read_rows(disk / "out"), spacy.load(trained[0]).pipe(texts))
    manifest = read_json(disk / "out" / "manifest.json")
    assert (manifest["rows_in"], manifest["rows_out"], manifest["resumed"]["rows"]) == (8, 8, 4)


def test_killed_worker(trained: tuple[Path, Path], tmp_path: Path) -> None:
    """Another one does its rows, and there is no wait for ever."""
    rows = write_rows(tmp_path / "in.jsonl", ({"id": i, "text": "Riga"} for i in range(50)))
    source = open_source(rows, "auto", Fields("text", "id", ""), by_line=False, spans_key="sc")
    batches = remaining_batches(source, [], 1)
    done = annotate_in_processes(batches, ModelSettings(str(trained[0])), source.shards, workers=1)
    assert [row.id for row in next(done)] == ["0"]
    [worker] = active_children()
    worker.kill()
    assert [(row.id, row.error) for [row] in done] == [(str(i), "") for i in range(1, 50)]
    assert not active_children()


def test_rows_that_kill_their_worker_have_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All others are annotated. If nearly all do, it is not the rows."""
    monkeypatch.setattr(local_engine, "_annotate", dying_workers.annotate_or_die)
    monkeypatch.setattr(local_engine, "_start_worker", dying_workers.start)

    def run(*texts: str) -> list:
        rows = write_rows(tmp_path / "in.jsonl", ({"id": i, "text": text} for i, text in enumerate(texts)))
        source = open_source(rows, "auto", Fields("text", "id", ""), by_line=False, spans_key="sc")
        batches = remaining_batches(source, [], 2)
        done = annotate_in_processes(batches, ModelSettings("none"), source.shards, workers=1)
        return [row for batch in done for row in batch]

    done = run("Riga", "deadly", "Oslo")
    assert [(row.id, bool(row.content)) for row in done] == [("0", True), ("1", False), ("2", True)]
    assert done[1].error == local_engine.KILLED
    monkeypatch.setattr(local_engine, "MOST_DEATHS", 1)
    with pytest.raises(ValueError, match="B095"):
        run("deadly", "Riga")
    assert not active_children()


WORKER = """
import time
from multiprocessing import get_context

from spacy_binder.annotation.local_engine import end_with_parent


def work(pipe):
    end_with_parent()
    pipe.send("ready")
    time.sleep(60)


if __name__ == "__main__":
    context = get_context("spawn")
    here, there = context.Pipe()
    worker = context.Process(target=work, args=(there,))
    worker.start()
    here.recv()
    print(worker.pid, flush=True)
    time.sleep(60)
"""


def test_workers_end_with_a_command_that_is_killed(tmp_path: Path) -> None:
    (tmp_path / "command.py").write_text(WORKER, encoding="utf8")
    command = subprocess.Popen([sys.executable, tmp_path / "command.py"], stdout=subprocess.PIPE, text=True)
    assert command.stdout is not None
    assert command.stdout.readline()
    command.kill()
    # The worker has the pipe too, and this ends when nobody has it.
    assert select.select([command.stdout], [], [], 20)[0] and command.stdout.read() == ""
    command.wait()
    command.stdout.close()


def test_a_run_that_was_killed_while_it_wrote_its_settings_can_go_on(
    trained: tuple[Path, Path], tmp_path: Path
) -> None:
    source, out = write_rows(tmp_path / "in.jsonl", [{"id": 1, "text": "Riga"}]), tmp_path / "out"
    out.mkdir()
    (out / "settings.json.part").write_text("{", encoding="utf8")
    annotate(trained[0], source, out)
    assert len(read_rows(out)) == 1 and not (out / "settings.json.part").exists()


def test_a_changed_pipeline_behind_a_link_is_another_one(trained: tuple[Path, Path], tmp_path: Path) -> None:
    model = shutil.copytree(trained[0], tmp_path / "model")
    plain = model_checksum(model)
    component = shutil.move(model / "binder_ner", tmp_path / "component")
    (model / "binder_ner").symlink_to(component)
    # A loop of links ends.
    (Path(component) / "loop").symlink_to(model)
    assert model_checksum(model) == plain
    cfg = Path(component) / "cfg"
    cfg.write_text(cfg.read_text(encoding="utf8") + " ", encoding="utf8")
    assert model_checksum(model) != plain


def test_a_folder_with_the_name_of_a_package_is_no_package(
    trained: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "not_there").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(manifests, "OPTIONAL", ("not_there",))
    source = write_rows(tmp_path / "in.jsonl", [{"id": 1, "text": "Riga"}])
    annotate(trained[0], source, tmp_path / "out")
    assert "not_there" not in read_json(tmp_path / "out" / "manifest.json")["versions"]


def test_other_settings_are_refused(trained: tuple[Path, Path], tmp_path: Path) -> None:
    """By name. What doesn't change the result may change. The folder stays as it is."""
    model = shutil.copytree(trained[0], tmp_path / "model")
    rows = [{"id": i, "text": "Riga", "title": "Oslo"} for i in range(3)]
    source, out = write_rows(tmp_path / "in.jsonl", rows), tmp_path / "out"
    (tmp_path / "types.json").write_text('["PER"]', encoding="utf8")
    annotate(model, source, out, "--threshold", 0.4)
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    moved = shutil.move(model, tmp_path / "moved")
    annotate(moved, source, out, "--threshold", 0.4, "--batch-size", 1, "--workers", 2)
    for name, options in {
        "threshold was 0.4, now 0.5": ["--threshold", 0.5],
        "labels was null": ["--threshold", 0.4, "--labels", tmp_path / "types.json"],
        "text_field": ["--threshold", 0.4, "--text-field", "title"],
    }.items():
        printed = annotate(moved, source, out, *options, exit_code=1)
        assert "B094" in printed and name in printed
    meta = moved / "meta.json"
    meta.write_text(meta.read_text(encoding="utf8").replace("0.0.0", "0.0.1"), encoding="utf8")
    printed = annotate(moved, source, out, "--threshold", 0.4, exit_code=1)
    assert "B094" in printed and "model_checksum was" in printed and "threshold was" not in printed
    write_rows(source, [*rows, {"id": 3, "text": "Riga"}])
    assert "rows_checksum was" in annotate(moved, source, out, "--threshold", 0.4, exit_code=1)
    # Another text of the same length, under the same id.
    write_rows(source, [{**row, "text": "Oslo"} for row in rows])
    assert "rows_checksum was" in annotate(moved, source, out, "--threshold", 0.4, exit_code=1)
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before


def test_rows_that_do_not_add_up(trained: tuple[Path, Path], tmp_path: Path) -> None:
    """A shard that has lost a row after it was written is noticed, and there is no manifest."""
    source = write_rows(tmp_path / "in.jsonl", ({"id": i, "text": "Riga"} for i in range(4)))
    annotate(trained[0], source, tmp_path / "out", "--shard", 2)
    (tmp_path / "out" / "manifest.json").unlink()
    shard = tmp_path / "out" / "shards" / "000001.jsonl"
    shard.write_bytes(shard.read_bytes().splitlines(keepends=True)[0])
    printed = annotate(trained[0], source, tmp_path / "out", "--shard", 2, exit_code=1)
    assert "B096" in printed and "4 were read, 3 were written and 0 failed" in printed
    assert not (tmp_path / "out" / "manifest.json").exists()


@pytest.mark.parametrize(
    ("rows", "options", "code", "said"),
    [
        ([{"id": 1, "text": "a"}, {"id": "1", "text": "b"}], [], "B092", "'1' (in.jsonl:1 and in.jsonl:2)"),
        ([{"id": "in.jsonl:2", "text": "a"}, {"text": "b"}], [], "B092", "'in.jsonl:2'"),
        ([{"id": i // 9, "text": "a"} for i in range(40)], [], "B092", "35 row(s)"),
        ([{"body": "a"}, {"title": "b"}], [], "B091", "The first rows have: body"),
        ([b"<html>", b"</html>"], [], "B091", "2 row(s) of in.jsonl"),
        ([{"text": "a"}, {"text": "b", "spans": []}], [], "B090", "The row in.jsonl:2"),
        ([], [], "B047", "no document in in.jsonl"),
        ([{"text": "a"}], ["--format", "csv"], "B016", "auto, jsonl, parquet, text, docbin"),
        ([{"text": "a"}], ["--engine", "spark"], "B016", "local, ray"),
        ([{"text": "a"}], ["--labels", "none.json"], "B044", "none.json"),
        ([{"text": "a"}], ["--threshold", 7], "B006", "threshold"),
    ],
)
def test_refused_before_anything_is_annotated(
    rows: list, options: list, code: str, said: str, trained: tuple[Path, Path], tmp_path: Path
) -> None:
    source = write_rows(tmp_path / "in.jsonl", rows)
    if "none.json" in options:
        options = ["--labels", write_rows(tmp_path / "none.json", [b"{"])]
    printed = annotate(trained[0], source, tmp_path / "out", *options, exit_code=1)
    assert code in printed and said in printed
    assert not (tmp_path / "out").exists()


def test_folders_that_do_not_fit(trained: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of several formats, one inside the rows, one with other files, one without a known file."""
    folder = tmp_path / "in"
    folder.mkdir()
    write_rows(folder / "a.jsonl", [{"text": "a"}])
    assert "B051" in annotate(trained[0], folder, folder / "out", exit_code=1)
    (folder / "b.txt").write_text("b", encoding="utf8")
    printed = annotate(trained[0], folder, tmp_path / "out", exit_code=1)
    assert "B089" in printed and "jsonl (a.jsonl), text (b.txt)" in printed
    printed = annotate(trained[0], folder, tmp_path, "--format", "text", exit_code=1)
    assert "B093" in printed
    assert "B029" in annotate(trained[0], folder, tmp_path / "out", "--format", "docbin", exit_code=1)
    (folder / "c.spacy").write_bytes(b"no DocBin")
    assert "B050" in annotate(trained[0], folder, tmp_path / "out", "--format", "docbin", exit_code=1)


def test_parquet_files_that_do_not_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    from pyarrow import parquet

    fields = Fields("text", "id", "")
    for name, kind in (("a", pa.string()), ("b", pa.int8())):
        parquet.write_table(pa.table({"text": ["a"], "n": pa.array([None], kind)}), tmp_path / f"{name}.parquet")
    with pytest.raises(ValueError, match=r"B088.*text \(string\), n \(int8\)"):
        open_source(tmp_path, "auto", fields, by_line=False, spans_key="sc")
    (tmp_path / "b.parquet").write_bytes(b"PAR1")
    with pytest.raises(ValueError, match=r"B044.*b\.parquet"):
        open_source(tmp_path, "auto", fields, by_line=False, spans_key="sc")
    monkeypatch.setattr(parquet_rows, "is_installed", lambda _: False)
    with pytest.raises(ImportError, match=r"B087.*spacy-binder\[parquet\]"):
        open_source(tmp_path, "auto", fields, by_line=False, spans_key="sc")


def test_shards_are_rows(trained: tuple[Path, Path], tmp_path: Path) -> None:
    """Shards are rows again."""
    rows = [{"id": i, "text": text} for i, text in enumerate(sentences(trained[1]))]
    annotate(trained[0], write_rows(tmp_path / "in.jsonl", rows), tmp_path / "a", "--shard", 3)
    annotate(trained[0], tmp_path / "a" / "shards", tmp_path / "b", "--spans-field", "again")
    assert all(row["again"] == row["spans"] for row in read_rows(tmp_path / "b"))
