"""`spacy binder evaluate`: write scores, predictions and a page about what a pipeline finds and misses."""

from pathlib import Path
from typing import Annotated, Optional

from spacy.cli._util import Arg, Opt, setup_gpu
from wasabi import msg


def evaluate_cli(
    model: Annotated[str, Arg(help="Pipeline to evaluate: a folder or the name of an installed one")],
    data: Annotated[Path, Arg(help="DocBin with gold spans", exists=True)],
    output: Annotated[Path, Opt("--output", "-o", help="Folder for metrics.json, predictions.jsonl and report.html")],
    train: Annotated[
        Optional[Path],
        Opt("--train", help="DocBin that it was trained on, to score seen and unseen spans apart", exists=True),
    ] = None,
    report: Annotated[Optional[Path], Opt("--report", help="Another path for the page")] = None,
    sentences: Annotated[int, Opt("--sentences", help="Maximum number of sentences on the page")] = 50,
    component: Annotated[str, Opt("--component", help="Name of the binder_ner, where there are several")] = "",
    gpu_id: Annotated[int, Opt("--gpu-id", "-g", help="GPU to run on, -1 for the CPU")] = -1,
) -> None:
    """Measure what a pipeline finds and misses on DATA.

    metrics.json has mistakes by kind, calibration, and scores by label, boundary, nesting and length. With --train, it
    also has scores of spans whose text was seen in training and of other spans. predictions.jsonl has the spans of
    each document. report.html shows all figures, and the sentences with most mistakes, gold above predicted spans.
    """
    setup_gpu(gpu_id)
    import srsly
    from spacy.tokens import DocBin
    from spacy.training import Corpus
    from spacy.util import load_model

    from ..analysis.component import find_component, get_component
    from ..analysis.docs import evaluate_file, texts_of_spans
    from ..analysis.metrics import metrics
    from ..analysis.report.page import HEADER, percent, report_page, respect_rows, score_row

    nlp = load_model(model)
    name = find_component(nlp, component)
    pipe = get_component(nlp, name)
    docs = evaluate_file(nlp, name, data)
    n_left_out = sum(pipe.key not in example.reference.spans for example in Corpus(data)(nlp))
    if n_left_out:
        msg.warn(
            f"{n_left_out} documents have no span group '{pipe.key}' and are left out", "Give them an empty group."
        )
    seen = None if train is None else texts_of_spans(DocBin().from_disk(train).get_docs(nlp.vocab), pipe.key)
    found = metrics(docs, pipe.labels, seen)

    rows = [score_row(*row) for row in found["labels"].items()]
    aligns = ("l", "r", "r", "r", "r", "r")
    msg.table([*rows, score_row("all", found["all"])], header=("Label", *HEADER[1:]), divider=True, aligns=aligns)
    rows = [score_row(f"{heading}: {row[0]}", row[1]) for heading, group in respect_rows(found) for row in group]
    msg.table(rows, header=HEADER, divider=True, aligns=aligns, max_col=40)
    msg.text(f"Recall of spans inside or around another: {percent(found['nesting']['nested']['r'])}")
    msg.text("Mistakes: " + ", ".join(f"{n} {kind}" for kind, n in found["mistakes"].items()))

    output.mkdir(parents=True, exist_ok=True)
    srsly.write_json(output / "metrics.json", found)
    srsly.write_jsonl(output / "predictions.jsonl", [doc.to_json() for doc in docs])
    path = report or output / "report.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    title = f"{data.parent.name}, {data.stem} part" if data.parent.name else data.stem
    page = report_page(docs, found, title=title, model=Path(model).name, n_sentences=sentences)
    path.write_text(page, encoding="utf8")
    msg.good("Saved metrics.json and predictions.jsonl", str(output))
    msg.good("Gold and predicted spans, and all tables", str(path))
