"""The project on datasets whose files are not three of tokens and tags, from small files in their formats."""

import hashlib
import json
import re
from importlib import import_module
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
import spacy
from conftest import SHARED, spans_of
from project_copy import PROJECT
from spacy.tokens import Doc, DocBin
from spacy.util import load_config
from weasel.util import load_project_config

DATASETS = sorted(path.parent.name for path in PROJECT.glob("datasets/*/settings.cfg"))
# Where the files of a dataset are on our machines, for their checksums.
DOMAINS = ("ai", "literature", "music", "politics", "science")
FOLDERS = {"gum-nc": "gum", **{f"crossner-{name}": f"crossner/{name}" for name in DOMAINS}}
ASSETS = load_project_config(PROJECT)["assets"]


@pytest.fixture
def scripts(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The scripts of the command `corpus`, by name."""
    monkeypatch.syspath_prepend(PROJECT / "scripts")
    return import_module


def convert(scripts: Any, dataset: str, folder: Path, settings: Path | None = None) -> dict[str, list[Doc]]:
    """RETURNS (dict[str, list[Doc]]): The documents of each part, from the files in the folder `assets`."""
    settings = settings or PROJECT / "datasets" / dataset
    scripts("convert").main(dataset, folder / "assets", settings, folder / "corpus")
    vocab = spacy.blank("en").vocab
    return {
        part: list(DocBin().from_disk(folder / "corpus" / f"{part}.spacy").get_docs(vocab))
        for part in ("train", "dev", "test")
    }


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf8")


def test_gum(scripts: Any, tmp_path: Path) -> None:
    """The documents of each list, from a folder that has others too."""
    line = "# newdoc id = {0}\n# global.Entity = GRP-etype\n1\t{0}\t_\t_\t_\t_\t_\t_\t_\tEntity=(7-person)\n"
    for name in ("a", "b", "c", "d"):
        write(tmp_path / "assets" / "dep" / f"{name}.conllu", line.format(name))
    for part, name in (("train", "b"), ("dev", "d"), ("test", "a")):
        write(tmp_path / "settings" / f"{part}.txt", name)
    for name in ("labels.json", "settings.cfg"):
        write(tmp_path / "settings" / name, (PROJECT / "datasets" / "gum" / name).read_text(encoding="utf8"))
    found = convert(scripts, "gum", tmp_path, tmp_path / "settings")
    spans = {part: [(span.text, span.id_) for doc in docs for span in doc.spans["sc"]] for part, docs in found.items()}
    assert spans == {"train": [("b", "7")], "dev": [("d", "7")], "test": [("a", "7")]}


def test_lists_of_gum() -> None:
    """No document is in two lists. Which recipe a document belongs to is decided by its genre."""
    lists = {
        (dataset, part): (PROJECT / "datasets" / dataset / f"{part}.txt").read_text().split()
        for dataset in ("gum", "gum-nc")
        for part in ("train", "dev", "test")
    }
    names = [name for listed in lists.values() for name in listed]
    assert len(names) == len(set(names)) == 237
    genres = {dataset: {name.split("_")[1] for name in lists[dataset, "test"]} for dataset in ("gum", "gum-nc")}
    assert genres["gum-nc"] == {"essay", "fiction", "letter", "podcast", "whow"}
    for (dataset, _), listed in lists.items():
        assert {name.split("_")[1] for name in listed} == genres[dataset]


def test_re3d(scripts: Any, tmp_path: Path) -> None:
    """Each listed file is a document, however many sentences it has."""
    for part in ("train", "dev", "test"):
        for name in (PROJECT / "datasets" / "re3d" / f"{part}.txt").read_text().split():
            write(tmp_path / "assets" / f"{name}.conll", f"{part}\tB-Person\n\n" * 12)
    found = convert(scripts, "re3d", tmp_path)
    assert {part: len(docs) for part, docs in found.items()} == {"train": 54, "dev": 18, "test": 18}
    assert {part: {doc.text for doc in docs} for part, docs in found.items()} == {
        part: {f"{part} " * 12} for part in found
    }


def test_wikigold(scripts: Any, tmp_path: Path) -> None:
    """Of each ten articles, the ninth and the tenth are held out. The tags are IOB1."""
    text = "".join(f"{i} I-PER\n{i} B-PER\n\nx O\n\n-DOCSTART- O\n\n" for i in range(21))
    write(tmp_path / "assets" / "wikigold.conll.txt", text)
    found = convert(scripts, "wikigold", tmp_path)
    assert {part: [doc[0].text for doc in docs] for part, docs in found.items()} == {
        "train": [str(i) for i in range(21) if i % 10 < 8],
        "dev": ["8", "18"],
        "test": ["9", "19"],
    }
    assert spans_of(found["dev"][0]) == [(0, 1, "PER"), (1, 2, "PER")]


def test_btc(scripts: Any, tmp_path: Path) -> None:
    """Several files make a part. Tokens that were lost stand as a sign for what can't be shown."""
    for name in "abefgh":
        write(tmp_path / "assets" / f"{name}.conll", f"{name}\tB-PER\n\tO\n\n{name}\tO\n")
    found = convert(scripts, "btc", tmp_path)
    assert {part: [doc.text.split() for doc in docs][::2] for part, docs in found.items()} == {
        "train": [[name, "\ufffd"] for name in "abeg"],
        "dev": [["h", "\ufffd"]],
        "test": [["f", "\ufffd"]],
    }


def test_multiconer(scripts: Any, tmp_path: Path) -> None:
    """Both train files, and every second sentence of the dev file. Each sentence has an id above it."""
    names = {"en-train90": "ab", "en-train10": "c", "en-dev": "defgh"}
    for name, words in names.items():
        text = "".join(f"\n# id {word}-1\tdomain=en\n{word} _ _ B-OtherPER\n# _ _ O\n\n" for word in words)
        write(tmp_path / "assets" / f"{name}.conll", text)
    found = convert(scripts, "multiconer", tmp_path)
    assert {part: [doc.text for doc in docs] for part, docs in found.items()} == {
        "train": ["a # ", "b # ", "c # "],
        "dev": ["d # ", "f # ", "h # "],
        "test": ["e # ", "g # "],
    }
    assert spans_of(found["dev"][0]) == [(0, 1, "OtherPER")]


def test_germeval(scripts: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """From the archive as it is downloaded: two columns of tags, and German."""
    (tmp_path / "assets").mkdir()
    with ZipFile(tmp_path / "assets" / "GermEval2014.zip", "w") as archive:
        for part in ("train", "dev", "test"):
            text = f"TSV\tB-ORG\tO\nJena\tI-ORG\tB-LOC\n{part}\tO\tO\n\nJena\tB-LOC\tO\n"
            archive.writestr(f"GermEval2014/germ.{part}.iob2", text)
    for part, docs in convert(scripts, "germeval2014", tmp_path).items():
        assert [spans_of(doc) for doc in docs] == [[(0, 2, "ORG"), (1, 2, "LOC")], [(0, 1, "LOC")]]
        assert docs[0][2].text == part
    settings = PROJECT / "datasets" / "germeval2014" / "settings.cfg"
    assert scripts("convert").language(settings) == "de"
    output = tmp_path / "corpus" / "binder.cfg"
    scripts("configure").main(PROJECT.parent / "configs" / "binder.cfg", settings, tmp_path / "corpus", output)
    config = load_config(output)
    assert config["nlp"]["lang"] == "de"
    assert "multilingual" in config["components"]["binder_ner"]["model"]["text_encoder"]["name"]
    capsys.readouterr()
    for content in (b"no archive", b"PK\x05\x06" + bytes(18)):
        (tmp_path / "assets" / "GermEval2014.zip").write_bytes(content)
        with pytest.raises(SystemExit):
            convert(scripts, "germeval2014", tmp_path)
        assert "GermEval2014.zip is not the archive" in re.sub(r"\s+", " ", capsys.readouterr().out)


@pytest.mark.parametrize("dataset", DATASETS)
def test_recipes_are_whole(dataset: str, scripts: Any) -> None:
    """Each has a converter, a description of each label, assets, and steps that fit together."""
    folder = PROJECT / "datasets" / dataset
    assert dataset in scripts("convert").CONVERTERS
    labels = json.loads((folder / "labels.json").read_text(encoding="utf8"))
    assert len(set(labels.values())) == len(labels) and all(re.fullmatch(r".+: .+", text) for text in labels.values())
    assert dataset == "demo" or any(asset["dest"].startswith(f"assets/{dataset}/") for asset in ASSETS)
    training = load_config(folder / "settings.cfg")["training"]
    assert training["optimizer"]["learn_rate"]["total_steps"] == training["max_steps"]
    assert training.get("patience", training["max_steps"]) == training["max_steps"]
    assert training["max_steps"] % training["eval_frequency"] == 0


def test_assets_are_pinned() -> None:
    """At a commit, each to a place of its own."""
    urls = [asset["url"] for asset in ASSETS if asset.get("url")]
    assert all(re.match(r"https://raw\.githubusercontent\.com/[^/]+/[^/]+/[0-9a-f]{40}/", url) for url in urls)
    assert len({asset["dest"] for asset in ASSETS}) == len(ASSETS)


@pytest.mark.skipif(not SHARED.exists(), reason="no corpus is in the repository")
@pytest.mark.parametrize("dataset", [*FOLDERS, "gum", "btc", "wikigold", "re3d", "craft", "anatem"])
def test_checksums(dataset: str) -> None:
    """Those of the files on our machines."""
    prefix = f"assets/{dataset}/"
    assets = [asset for asset in ASSETS if asset["dest"].startswith(prefix)]
    assert assets
    for asset in assets:
        path = SHARED / FOLDERS.get(dataset, dataset) / asset["dest"].removeprefix(prefix)
        assert asset["checksum"] == hashlib.md5(path.read_bytes()).hexdigest(), path
