"""`spacy binder init-config`."""

import json
from pathlib import Path

import pytest
import spacy
from conftest import ROOT, demo_examples
from spacy.cli.train import train
from spacy.tokens import Doc, DocBin, Span
from thinc.api import Config
from typer.testing import CliRunner

from spacy_binder.analysis.training_config import Schedule, choose_max_span_length, choose_schedule
from spacy_binder.cli import binder_cli
from spacy_binder.corpora.statistics import CorpusStatistics

NLP = spacy.blank("en")
# What `init-config` chooses by the data.
BY_DATA = {
    "paths.train",
    "paths.dev",
    "paths.labels",
    "training.batcher.size",
    "training.max_steps",
    "training.eval_frequency",
    "training.optimizer.learn_rate.warmup_steps",
    "training.optimizer.learn_rate.total_steps",
}


def run(*arguments: object, exit_code: int = 0) -> str:
    """Run the command, and return what it prints."""
    result = CliRunner().invoke(binder_cli, ["init-config", *map(str, arguments)])
    assert result.exit_code == exit_code, result.output
    return " ".join(result.output.split())


def make_doc(text: str, *spans: tuple[int, int, str], key: str | None = "sc") -> Doc:
    """RETURNS (Doc): A document with spans, each of them a first token, an end and a label."""
    doc = NLP(text)
    if key is not None:
        doc.spans[key] = [Span(doc, *span) for span in spans]
    return doc


def write(path: Path, *docs: Doc) -> Path:
    """RETURNS (Path): The path, after the docs were written there."""
    DocBin(docs=docs).to_disk(path)
    return path


def flat(config: dict, prefix: str = "") -> dict[str, object]:
    """RETURNS (dict[str, object]): The settings of a config by their names with dots."""
    found: dict[str, object] = {}
    for name, value in config.items():
        inner = flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": value}
        found |= inner
    return found


@pytest.fixture
def parts(tmp_path: Path) -> tuple[Path, Path]:
    """A training part with nested spans, of two sentences and of one, and a development part."""
    nested = make_doc("The mayor of Paris met Anna. It rained.", (0, 4, "PER"), (3, 4, "GPE"), (5, 6, "PER"))
    nested[7].is_sent_start = True
    return (
        write(tmp_path / "train.spacy", nested, make_doc("It rained in Riga.", (3, 4, "GPE"))),
        write(tmp_path / "dev.spacy", make_doc("Anna left Paris.", (0, 1, "PER"), (2, 3, "GPE"))),
    )


# The tiny encoder has random weights.
@pytest.mark.filterwarnings("ignore:.*BW04")
def test_trains_without_flags(parts: tuple[Path, Path], tiny_encoder: str, tmp_path: Path) -> None:
    """The config has all paths, the steps that were asked for, and descriptions that can be replaced."""
    output = tmp_path / "new" / "config.cfg"
    run(*parts, "-o", output, "--encoder", tiny_encoder, "--epochs", 2)
    labels = json.loads((tmp_path / "new" / "labels.json").read_text(encoding="utf8"))
    assert labels == {"GPE": "Countries, cities, states", "PER": "Named person or family."}
    (tmp_path / "new" / "labels.json").write_text(json.dumps({**labels, "PER": "a person"}), encoding="utf8")
    train(output, tmp_path / "model")
    nlp = spacy.load(tmp_path / "model" / "model-best")
    assert nlp.get_pipe("binder_ner").cfg["labels"] == {"GPE": labels["GPE"], "PER": "a person"}
    assert nlp.config["training"]["max_steps"] == 2
    # A misspelt path of the labels is not ignored.
    with pytest.raises(ValueError, match=r"lables\.json"):
        train(output, overrides={"paths.labels": str(tmp_path / "lables.json")})


def test_prints_what_it_found(parts: tuple[Path, Path], tmp_path: Path) -> None:
    printed = run(*parts, "-o", tmp_path / "config.cfg")
    assert "train 2 2 15 4 1 (25.0%) 4" in printed
    assert "dev 1 - 4 2 0 (0.0%) 1" in printed
    assert "PER 2 1 Named person or family." in printed
    assert "spacy train" in printed
    assert "⚠" not in printed


def test_same_settings_as_binder_cfg(tmp_path: Path) -> None:
    """The settings that were best for LitBank are written twice: they may not differ."""
    examples = demo_examples(NLP, ["news-01", "law-01"])
    path = write(tmp_path / "train.spacy", *(example.reference for example in examples))
    run(path, path, "-o", tmp_path / "config.cfg")
    made = flat(Config().from_disk(tmp_path / "config.cfg", interpolate=False))
    best = flat(Config().from_disk(ROOT / "configs" / "binder.cfg", interpolate=False))
    differing = {name for name in best if made[name] != best[name]} - BY_DATA
    # No early stop, because the learning rate falls to zero at the end.
    assert differing == {"training.patience"}


def test_flat_spans(tmp_path: Path) -> None:
    """Where no spans overlap, predicted ones don't, and also go to doc.ents."""
    path = write(tmp_path / "train.spacy", make_doc("Anna left Paris.", (0, 1, "PER"), (2, 3, "GPE")))
    run(path, path, "-o", tmp_path / "config.cfg")
    component = Config().from_disk(tmp_path / "config.cfg")["components"]["binder_ner"]
    assert (component["allow_overlap"], component["annotate_ents"]) == (False, True)


def test_nothing_is_overwritten(parts: tuple[Path, Path], tmp_path: Path) -> None:
    """With --force the descriptions in labels.json stay."""
    output, labels = tmp_path / "config.cfg", tmp_path / "labels.json"
    labels.write_text('{"PER": "my own words"}', encoding="utf8")
    printed = run(*parts, "-o", output, exit_code=1)
    assert "B053" in printed and "labels.json would be overwritten" in printed
    assert not output.exists()
    run(*parts, "-o", output, "--force")
    run(*parts, "-o", output, "--force")
    assert output.exists()
    expected = {"PER": "my own words", "GPE": "Countries, cities, states"}
    assert json.loads(labels.read_text(encoding="utf8")) == expected
    for broken in ("{", "[1]", '{"PER": 1}', '{"PER": [1]}', '{"PER": {"examples": 1}}'):
        labels.write_text(broken, encoding="utf8")
        assert "B013" in run(*parts, "-o", output, "--force", exit_code=1)
        assert labels.read_text(encoding="utf8") == broken


def test_prints_nothing_but_the_config(
    parts: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With - there is no place for labels.json: labels are those of the gold spans."""
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(binder_cli, ["init-config", *map(str, parts), "-o", "-"])
    config = Config().from_str(result.output)
    assert config["initialize"]["components"] == {}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dev.spacy", "train.spacy"]


def test_spans_key(tmp_path: Path) -> None:
    """The only other group is found. Its score alone counts."""
    path = write(tmp_path / "train.spacy", make_doc("Anna left.", (0, 1, "PER"), key="gold"))
    printed = run(path, path, "-o", tmp_path / "config.cfg")
    assert "the spans key is 'gold'" in printed
    config = Config().from_disk(tmp_path / "config.cfg")
    assert config["components"]["binder_ner"]["spans_key"] == "gold"
    weights = config["training"]["score_weights"]
    assert {name: weight for name, weight in weights.items() if weight} == {"spans_gold_f": 1.0}
    printed = run(path, path, "-o", tmp_path / "config.cfg", "--force", "--spans-key", "sc", exit_code=1)
    assert "B003" in printed and "'gold'" in printed


def with_ents() -> Doc:
    """RETURNS (Doc): A document with an empty group and an entity."""
    doc = make_doc("Anna left.")
    doc.ents = [Span(doc, 0, 1, "PER")]
    return doc


def too_long() -> Doc:
    """RETURNS (Doc): A document that `spacy train` can't read."""
    doc = Doc(NLP.vocab, words=["w" * 1_000_001], spaces=[False])
    doc.spans["sc"] = [Span(doc, 0, 1, "PER")]
    return doc


@pytest.mark.parametrize(
    ("docs", "said"),
    [
        ([with_ents()], "--format ents"),
        ([make_doc("Anna left.")], "B003"),
        ([], "B003"),
        ([make_doc("Anna left.", (0, 1, ""))], "B001"),
        ([too_long()], "document 1 has 1,000,001 characters"),
    ],
    ids=["ents alone", "empty group", "no documents", "no label", "too long"],
)
def test_nothing_to_learn(docs: list[Doc], said: str, parts: tuple[Path, Path], tmp_path: Path) -> None:
    path = write(tmp_path / "bad.spacy", *docs)
    assert said in run(path, parts[1], "-o", tmp_path / "config.cfg", exit_code=1)
    assert not (tmp_path / "config.cfg").exists() and not (tmp_path / "labels.json").exists()


def test_nothing_to_measure(parts: tuple[Path, Path], tmp_path: Path) -> None:
    path = write(tmp_path / "bad.spacy", make_doc("Anna left.", (0, 1, "ORG")))
    printed = run(parts[0], path, "-o", tmp_path / "config.cfg", exit_code=1)
    assert "B026" in printed and "ORG (1)" in printed


def test_files_that_are_not_there(parts: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.spacy").write_text("no DocBin", encoding="utf8")
    for name, said in (("none.spacy", "B030"), ("empty", "B029"), ("text.spacy", "B050")):
        for bad in ([tmp_path / name, parts[1]], [parts[0], tmp_path / name]):
            assert said in run(*bad, "-o", tmp_path / "config.cfg", exit_code=1)
    assert "E048" in run(*parts, "-o", tmp_path / "config.cfg", "--lang", "xq", exit_code=1)


def test_outputs_that_are_no_files(parts: tuple[Path, Path], tmp_path: Path) -> None:
    """Nothing is counted before."""
    (tmp_path / "text.txt").write_text("", encoding="utf8")
    for output in (".", "/", tmp_path, tmp_path / "text.txt" / "config.cfg", tmp_path / "labels.json"):
        printed = run(*parts, "-o", output, "--force", exit_code=1)
        assert "B051" in printed and "Tokens" not in printed
    assert not (tmp_path / "labels.json").exists()


def test_folders(parts: tuple[Path, Path], tmp_path: Path) -> None:
    printed = run(tmp_path, tmp_path, "-o", tmp_path / "config.cfg")
    assert "train 3 2 19 6 1 (16.7%) 4 dev 3" in printed


def test_problems(tmp_path: Path) -> None:
    """What can't be learned, found or measured is named."""
    long = make_doc("word " * 150, (0, 120, "LONG"))
    inside = Doc(NLP.vocab, words=["Anna", "-", "Lin", "d"], spaces=[False, False, False, False])
    inside.spans["sc"] = [Span(inside, 0, 3, "PER")]
    path = write(tmp_path / "train.spacy", long, inside, make_doc("It rained.", key=None))
    dev = write(tmp_path / "dev.spacy", make_doc("Anna left Oslo.", (0, 1, "PER"), (2, 3, "GPE")))
    printed = run(path, dev, "-o", tmp_path / "config.cfg", "--lang", "de", "--encoder", "nowhere/no-such-encoder")
    assert "Labels that dev doesn't have, so that they are not measured: LONG" in printed
    assert "Labels that train doesn't have, so that they can't be learned: GPE" in printed
    assert "train: 1 of 2 spans are longer than 100 tokens" in printed
    assert "train: 1 of 2 spans begin or end inside a token of the tokenizer for 'de'" in printed
    assert "train: 1 documents have no group 'sc'" in printed
    assert "Labels that are described by their name alone: LONG" in printed
    assert "'nowhere/no-such-encoder' can't be read here" in printed
    printed = run(dev, dev, "-o", tmp_path / "config.cfg", "--lang", "de", "--force")
    assert "is for English" in printed and "--encoder bert-base-german-cased" in printed


def statistics(passages: float, tokens: int) -> CorpusStatistics:
    """RETURNS (CorpusStatistics): The numbers of a training part."""
    found = CorpusStatistics("sc", 200)
    found.passages, found.tokens = passages, tokens
    return found


@pytest.mark.parametrize(
    ("passages", "tokens", "epochs", "schedule"),
    [
        (1016, 160_000, None, Schedule(4, 254, 1270, 254, 76)),  # LitBank
        (132, 15_720, None, Schedule(4, 33, 248, 31, 15)),  # the embedded corpus
        (14_000, 200_000, None, Schedule(8, 1750, 8750, 1750, 525)),  # CoNLL, a document per sentence
        (50, 1_000, None, Schedule(8, 7, 240, 30, 14)),
        (1_000_000, 20_000_000, None, Schedule(8, 125_000, 20_000, 4000, 1200)),
        (1016, 160_000, 1, Schedule(4, 254, 255, 51, 15)),
        (1, 10, 1, Schedule(8, 1, 1, 1, 0)),
    ],
)
def test_schedule(passages: float, tokens: int, epochs: int | None, schedule: Schedule) -> None:
    found = choose_schedule(statistics(passages, tokens), epochs)
    assert found == schedule
    assert found.max_steps % found.eval_frequency == 0


def test_passages_of_a_book() -> None:
    """A long document is cut: an epoch has as many passages as the augmenter makes, on average."""
    [example] = demo_examples(NLP, ["news-01"])
    found = CorpusStatistics("sc", 40)
    found.add(example)
    assert len(example.reference) / 40 < found.passages < len(example.reference) / 40 * 1.7


def test_max_span_length() -> None:
    assert choose_max_span_length({1: 1}) == 30
    assert choose_max_span_length({1: 990, 42: 11, 60: 5}) == 50
    assert choose_max_span_length({400: 3}) == 100


def test_learning_rate_and_gpu(parts: tuple[Path, Path], tmp_path: Path) -> None:
    """Large encoders need a lower rate."""
    rates = {}
    for size in (384, 768, 1024):
        folder = tmp_path / str(size)
        folder.mkdir()
        (folder / "config.json").write_text(json.dumps({"model_type": "bert", "hidden_size": size}), encoding="utf8")
        run(*parts, "-o", folder / "config.cfg", "--encoder", folder, "--gpu")
        config = Config().from_disk(folder / "config.cfg")
        rates[size] = config["training"]["optimizer"]["learn_rate"]["initial_rate"]
        model = config["components"]["binder_ner"]["model"]
        assert model["type_encoder"]["name"] == str(folder)
        assert model["text_encoder"]["mixed_precision"] and model["type_encoder"]["mixed_precision"]
    assert rates == {384: 1e-4, 768: 5e-5, 1024: 2e-5}
