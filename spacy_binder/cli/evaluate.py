"""`spacy binder evaluate`: write scores, predictions and a page about what a pipeline finds and misses."""

from pathlib import Path
from typing import Annotated, Any, Optional

from spacy.cli._util import Arg, Opt, setup_gpu
from wasabi import msg

from .output import check_file, clean_errors

# How far precision has to be above recall for a hint. On the demo corpus, lower thresholds than those with 16 points
# between them gave no better F1. At 22 points they gave 1.3 more.
GAP = 0.2


def evaluate_cli(
    model: Annotated[str, Arg(help="Pipeline to evaluate: a folder or the name of an installed one")],
    data: Annotated[Path, Arg(help="DocBin with gold spans, or a folder of them", exists=True)],
    output: Annotated[Path, Opt("--output", "-o", help="Folder for metrics.json, predictions.jsonl and report.html")],
    train: Annotated[
        Optional[Path],
        Opt("--train", help="DocBin that it was trained on, to score seen and unseen spans apart", exists=True),
    ] = None,
    report: Annotated[Optional[Path], Opt("--report", help="Another path for the page")] = None,
    sentences: Annotated[int, Opt("--sentences", min=0, help="Maximum number of sentences on the page")] = 50,
    component: Annotated[str, Opt("--component", help="Name of the binder_ner, where there are several")] = "",
    gpu_id: Annotated[int, Opt("--gpu-id", "-g", help="GPU to run on, -1 for the CPU")] = -1,
) -> None:
    """Measure what a pipeline finds and misses on DATA.

    metrics.json has mistakes by kind, calibration, and scores by label, boundary, nesting and length. With --train, it
    also has scores of spans whose text was seen in training and of other spans. predictions.jsonl has the spans of
    each document. report.html shows all figures, and the sentences with most mistakes, gold above predicted spans.
    """
    import srsly
    from spacy.util import load_model
    from tqdm import tqdm

    from ..analysis.component import find_component, get_component
    from ..analysis.docs import LeftOut, evaluate_file, texts_of_spans
    from ..analysis.metrics import metrics
    from ..analysis.reading import read_gold
    from ..analysis.report.page import HEADER, percent, report_page, respect_rows, score_row

    metrics_path, predictions_path = output / "metrics.json", output / "predictions.jsonl"
    report_path = report or output / "report.html"
    with clean_errors("Can't evaluate the pipeline"):
        for path in (metrics_path, predictions_path, report_path):
            check_file(path)
        setup_gpu(gpu_id)
        nlp = load_model(model)
        name = find_component(nlp, component)
        pipe = get_component(nlp, name)
        seen = None if train is None else texts_of_spans(read_gold(nlp, name, train), pipe.key)
        left_out = LeftOut()
        # disable=None: no progress bar without a terminal.
        docs = list(tqdm(evaluate_file(nlp, name, data, left_out=left_out), unit=" documents", disable=None))
        found = metrics(docs, pipe.labels, seen, left_out.candidates)
        title = f"{data.parent.name}, {data.stem} part" if data.parent.name else data.stem
        page = report_page(docs, found, title=title, model=Path(model).name, n_sentences=sentences)
        for path in (metrics_path, report_path):
            path.parent.mkdir(parents=True, exist_ok=True)
        srsly.write_json(metrics_path, found)
        srsly.write_jsonl(predictions_path, (doc.to_json() for doc in docs))
        report_path.write_text(page, encoding="utf8")

    rows = [score_row(*row) for row in found["labels"].items()]
    aligns = ("l", "r", "r", "r", "r", "r")
    msg.table([*rows, score_row("all", found["all"])], header=("Label", *HEADER[1:]), divider=True, aligns=aligns)
    rows = [score_row(f"{heading}: {row[0]}", row[1]) for heading, group in respect_rows(found) for row in group]
    msg.table(rows, header=HEADER, divider=True, aligns=aligns, max_col=40)
    msg.text(f"Recall of spans inside or around another: {percent(found['nesting']['nested']['r'])}")
    msg.text("Mistakes: " + ", ".join(f"{n} {kind}" for kind, n in found["mistakes"].items()))
    for message in left_out.messages(pipe, data):
        msg.warn(message)
    for sentence, command in threshold_hint(found["all"], model, name, pipe.key):
        msg.info(sentence)
        # Not wrapped, so that it can be copied.
        print(f"  {command}")
    msg.good(f"Saved {metrics_path.name} and {predictions_path.name}", str(output))
    msg.good("Gold and predicted spans, and all tables", str(report_path))


def threshold_hint(scores: dict[str, Any], model: str, name: str, key: str) -> list[tuple[str, str]]:
    """Say how to find more spans, where a pipeline finds few but is mostly right.

    scores (dict): The figures of all spans.
    model (str): The pipeline, as it was given.
    name (str): The component.
    key (str): The key of its spans.
    RETURNS (list[tuple[str, str]]): Sentences, each with a command. None where precision is not far above recall.
    """
    if not scores["n_gold"] or not scores["n_predicted"] or scores["p"] - scores["r"] < GAP:
        return []
    gap = 100 * (scores["p"] - scores["r"])
    return [
        (
            f"Precision is {gap:.0f} points above recall. A lower threshold finds more spans and may raise F1. "
            "To choose one on the development part:",
            f"python -m spacy find-threshold {model} DEV.spacy {name} threshold spans_{key}_f",
        ),
        (
            "To choose one for each label:",
            f"python -m spacy binder calibrate {model} DEV.spacy -o OUTPUT --component {name} --thresholds",
        ),
    ]
