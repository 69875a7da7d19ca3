"""`spacy binder init-config`: write a config and the descriptions of labels for the data at hand."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

from spacy.cli._util import Arg, Opt
from wasabi import msg
from wasabi.printer import Printer

from ..config import DEFAULT_MODEL, default_description
from ..descriptions import show_words
from ..errors import Errors
from ..settings import check_setting
from .output import check_file

if TYPE_CHECKING:
    from ..corpora.statistics import CorpusStatistics

DEFAULT_ENCODER: str = DEFAULT_MODEL["text_encoder"]["name"]
# Beside the config.
LABELS = "labels.json"
HEADER = ("Part", "Documents", "Sentences", "Tokens", "Spans", "Inside another", "Longest")


def init_config_cli(
    train: Annotated[Path, Arg(help="DocBin to train on, or folder of DocBins")],
    dev: Annotated[Path, Arg(help="DocBin to evaluate on during training, or folder of DocBins")],
    output: Annotated[
        Path, Opt("--output", "-o", help="File for the config, or - to print nothing but the config", allow_dash=True)
    ],
    lang: Annotated[str, Opt("--lang", "-l", help="Code of the language")] = "en",
    encoder: Annotated[
        str, Opt("--encoder", "-e", help="Hugging Face encoder: a folder, or a name on the hub")
    ] = DEFAULT_ENCODER,
    spans_key: Annotated[
        Optional[str],
        Opt("--spans-key", "-sc", help="Key of doc.spans. By default sc, or the only group that has spans"),
    ] = None,
    epochs: Annotated[
        Optional[int],
        Opt("--epochs", help="Number of epochs. By default 5, more for small corpora, less for very large ones", min=1),
    ] = None,
    gpu: Annotated[bool, Opt("--gpu", "-G", help="Train on a GPU: mixed precision and larger passes")] = False,
    force: Annotated[
        bool, Opt("--force", "-F", help="Overwrite OUTPUT. Descriptions in labels.json are kept, new labels added")
    ] = False,
) -> None:
    """Write a config for training on TRAIN, and labels.json beside it.

    Counts what TRAIN and DEV have. The number of steps, the warm-up, the size of a batch and the length of the longest
    span come from these numbers. labels.json has a description for each label. Replace them by your own words: the
    component learns from them. `spacy train` then needs no more than the config.
    """
    is_stdout = str(output) == "-"
    labels_path = None if is_stdout else output.parent / LABELS
    out = Printer(no_print=is_stdout)
    try:
        if labels_path:
            _check_output(output)
        if labels_path and not force:
            _refuse_existing(output, labels_path)
        text, descriptions = _make(train, dev, lang, encoder, spans_key, epochs, gpu, labels_path, out)
    except (ImportError, OSError, ValueError) as error:
        msg.fail("Can't make a config", str(error), exits=1)
        return
    if labels_path is None:
        print(text)
        return
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(f"{text}\n", encoding="utf8")
    labels_path.write_text(f"{json.dumps(descriptions, indent=2, ensure_ascii=False)}\n", encoding="utf8")
    msg.good("Saved the config", str(output))
    msg.good("Saved the descriptions of the labels. Replace them by your own words", str(labels_path))
    msg.text("You can now train your pipeline:")
    print(f"python -m spacy train {output} --output training" + (" --gpu-id 0" if gpu else ""))


def _make(
    train: Path,
    dev: Path,
    lang: str,
    encoder: str,
    spans_key: str | None,
    epochs: int | None,
    gpu: bool,
    labels_path: Path | None,
    out: Printer,
) -> tuple[str, dict[str, Any]]:
    """RETURNS (tuple[str, dict[str, Any]]): The text of the config, and the description of each label."""
    import spacy

    from ..analysis.training_config import (
        MAX_TOKENS,
        choose_max_span_length,
        choose_schedule,
        encoder_size,
        training_config,
    )
    from ..corpora.statistics import read_statistics

    nlp = spacy.blank(lang)
    found = read_statistics(train, nlp, spans_key=spans_key or "sc", max_tokens=MAX_TOKENS)
    others = [key for key, n in found.gold.groups.items() if n]
    if spans_key is None and not found.gold.labels and len(others) == 1:
        out.info(f"No spans under 'sc', so the spans key is '{others[0]}', the only group that has spans")
        found = read_statistics(train, nlp, spans_key=others[0], max_tokens=MAX_TOKENS)
    key = found.gold.spans_key
    found.gold.require(found.gold.labels, name="binder_ner")
    if "" in found.gold.labels:
        raise ValueError(Errors.B001.format(name="binder_ner", label=""))
    found_dev = read_statistics(dev, nlp, spans_key=key, max_tokens=MAX_TOKENS)
    found_dev.gold.require(found.gold.labels, name="binder_ner", path=dev)
    descriptions = _describe(found.gold.labels, labels_path)
    max_span_length = choose_max_span_length(found.lengths)
    schedule = choose_schedule(found, epochs)
    size = encoder_size(encoder)

    parts = {"train": found, "dev": found_dev}
    _print_parts(parts, descriptions, out)
    _print_problems(parts, max_span_length, lang, out)
    if bare := [label for label, description in descriptions.items() if description == label]:
        out.warn(f"Labels that are described by their name alone: {', '.join(bare)}")
    _print_encoder(encoder, size, lang, out)
    length = f"{schedule.max_steps:,} steps: {schedule.epochs:.1f} epochs of {schedule.steps_per_epoch:,} batches"
    passages = f"{schedule.batch_size} passages of up to {MAX_TOKENS} tokens"
    out.info(f"{length} of {passages}, an evaluation every {schedule.eval_frequency:,} steps")
    out.info(
        f"Spans of up to {max_span_length} tokens, {'which may' if found.overlapping else 'none of which'} overlap"
    )

    paths = {"train": train, "dev": dev, **({"labels": labels_path} if labels_path else {})}
    config = training_config(
        found,
        schedule,
        lang=lang,
        encoder=encoder,
        size=size or 768,
        max_span_length=max_span_length,
        paths=paths,
        gpu=gpu,
    )
    lines = (
        f"# Written by `spacy binder init-config` for {found.gold.docs:,} documents with {found.spans:,} spans.",
        f"# {length} of {passages}.",
    )
    return "\n".join((*lines, "", config.to_str())), descriptions


def _check_output(output: Path) -> None:
    check_file(output)
    check_file(output.parent / LABELS)
    if output.name == LABELS:
        raise ValueError(Errors.B051.format(path=output, problem="the descriptions of the labels go there"))


def _refuse_existing(output: Path, labels_path: Path) -> None:
    existing = [str(path) for path in (output, labels_path) if path.exists()]
    if existing:
        raise ValueError(Errors.B053.format(existing=" and ".join(existing), output=output, labels=labels_path))


def _describe(labels: dict[str, int], path: Path | None) -> dict[str, Any]:
    """RETURNS (dict[str, str]): The descriptions that a file already has, and default ones for the other labels."""
    known: dict[str, Any] = {}
    if path and path.exists():
        from ..corpora.problems import wrong_format

        expected = "an object of label and description"
        try:
            known = json.loads(path.read_text(encoding="utf8"))
        except json.JSONDecodeError as error:
            raise wrong_format(path, error.lineno, f"not JSON ({error.msg})", expected) from None
        try:
            check_setting("binder_ner", "labels", known)
        except ValueError:
            raise wrong_format(path, 1, f"{str(known)[:60]!r}", expected) from None
    new = sorted(label for label in labels if label not in known)
    return {**known, **{label: default_description(label) for label in new}}


def _print_parts(parts: dict[str, "CorpusStatistics"], descriptions: dict[str, Any], out: Printer) -> None:
    rows = []
    for name, part in parts.items():
        counts = (part.gold.docs, part.sentences or "-", part.tokens, part.spans)
        inside = f"{part.inside:,} ({part.inside / part.spans:.1%})"
        rows.append((name, *(f"{n:,}" if isinstance(n, int) else n for n in counts), inside, max(part.lengths)))
    out.table(rows, header=HEADER, divider=True, aligns=("l", *("r" for _ in HEADER[1:])))
    labels = sorted({*descriptions, *parts["dev"].gold.labels}, key=lambda label: -parts["train"].gold.labels[label])
    rows = [(label, *(f"{part.gold.labels[label]:,}" for part in parts.values())) for label in labels]
    rows = [(*row, show_words(descriptions.get(row[0], "-"))) for row in rows]
    header = ("Label", "Train", "Dev", "Description")
    out.table(rows, header=header, divider=True, aligns=("l", "r", "r", "l"), max_col=80)


def _print_problems(parts: dict[str, "CorpusStatistics"], max_span_length: int, lang: str, out: Printer) -> None:
    train, dev = (part.gold.labels for part in parts.values())
    if only := [label for label in train if label not in dev]:
        out.warn(f"Labels that dev doesn't have, so that they are not measured: {', '.join(only)}")
    if only := [label for label in dev if label not in train]:
        out.warn(f"Labels that train doesn't have, so that they can't be learned: {', '.join(only)}")
    for name, part in parts.items():
        if n := part.longer_than(max_span_length):
            out.warn(
                f"{name}: {n:,} of {part.spans:,} spans are longer than {max_span_length} tokens and can't be found"
            )
        if part.misaligned:
            tokenizer = f"begin or end inside a token of the tokenizer for '{lang}' and can't be found"
            out.warn(f"{name}: {part.misaligned:,} of {part.spans:,} spans {tokenizer}")
    key = parts["train"].gold.spans_key
    if n := parts["train"].gold.docs - parts["train"].gold.with_group:
        out.warn(f"train: {n:,} documents have no group '{key}'. They are learned as documents without spans")
    if n := parts["dev"].gold.docs - parts["dev"].gold.with_group:
        out.warn(f"dev: {n:,} documents have no group '{key}'. They are not measured. Give them an empty group")


def _print_encoder(encoder: str, size: int | None, lang: str, out: Printer) -> None:
    if size is None:
        advice = "The learning rate is for an encoder of base size. Look whether the name is right"
        out.warn(f"The encoder '{encoder}' can't be read here", advice)
    if encoder == DEFAULT_ENCODER and lang != "en":
        from spacy.cli.init_config import RECOMMENDATIONS

        known: Any = RECOMMENDATIONS
        name = known.get(lang, known["__default__"])["transformer"]["accuracy"]["name"]
        out.warn(f"The encoder '{encoder}' is for English", f"spaCy recommends --encoder {name} for '{lang}'.")
