"""Show how a pipeline does on a part of the data: a table, and a page with gold and predicted spans."""

from html import escape
from pathlib import Path
from string import Template
from typing import Any

import spacy
import srsly
import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table
from spacy import displacy
from spacy.tokens import Doc, DocBin, Span

TEMPLATE = Path(__file__).parent / "report.html"
COLORS = ["#4c78a8", "#f58518", "#54a24b", "#e45756", "#72b7b2", "#b279a2", "#9d755d", "#d67195", "#79706e", "#8c6d31"]


def percent(value: float | None) -> str:
    """RETURNS (str): A score as a percentage with one decimal."""
    return "-" if value is None else f"{100 * value:.1f}"


def score_rows(metrics: dict[str, Any], key: str, counts: dict[str, int]) -> list[tuple[str, ...]]:
    """RETURNS (list): Label, number of gold spans, precision, recall and F of each label, and of all."""
    rows = []
    per_type = metrics[f"spans_{key}_per_type"] or {}
    for label, scores in sorted(per_type.items()):
        numbers = (percent(scores["p"]), percent(scores["r"]), percent(scores["f"]))
        rows.append((label, str(counts.get(label, 0)), *numbers))
    overall = (percent(metrics[f"spans_{key}_{name}"]) for name in "prf")
    rows.append(("all", str(sum(counts.values())), *overall))
    return rows


def draw(sentence: Span, spans: list[Span], colors: dict[str, str]) -> str:
    """RETURNS (str): A sentence with some of its doc's spans, drawn by displaCy."""
    parsed = {
        "text": sentence.text,
        "tokens": [token.text for token in sentence],
        "spans": [
            {"start_token": s.start - sentence.start, "end_token": s.end - sentence.start, "label": s.label_}
            for s in spans
        ],
    }
    return displacy.render(parsed, style="span", manual=True, options={"colors": colors}, jupyter=False)


def within(doc: Doc, sentence: Span, key: str) -> list[Span]:
    """RETURNS (list): The spans of a doc that begin in a sentence, cut at its end."""
    spans = doc.spans.get(key, [])
    found = [span for span in spans if sentence.start <= span.start < sentence.end]
    return [Span(doc, span.start, min(span.end, sentence.end), label=span.label) for span in found]


def sentence_row(number: str, gold: Span, predicted: Doc, key: str, colors: dict[str, str]) -> str:
    """RETURNS (str): One row of the page: a sentence with gold spans, and with predicted ones."""
    gold_spans = within(gold.doc, gold, key)
    predicted_spans = within(predicted, predicted[gold.start : gold.end], key)
    gold_set = {(span.start, span.end, span.label_) for span in gold_spans}
    predicted_set = {(span.start, span.end, span.label_) for span in predicted_spans}
    notes = [("missed", s) for s in gold_spans if (s.start, s.end, s.label_) not in predicted_set]
    notes += [("wrong", s) for s in predicted_spans if (s.start, s.end, s.label_) not in gold_set]
    chips = "".join(
        f'<span class="chip {kind}"><b>{kind}</b> {escape(span.text)} <i>{escape(span.label_)}</i></span>'
        for kind, span in notes
    )
    return (
        f'<article class="{"differs" if notes else "agrees"}"><header>{escape(number)}</header>'
        f'<div class="side">{draw(gold, gold_spans, colors)}</div>'
        f'<div class="side">{draw(predicted[gold.start : gold.end], predicted_spans, colors)}</div>'
        f"<footer>{chips or '<span class=chip>no difference</span>'}</footer></article>"
    )


def main(model: Path, data: Path, metrics: Path, output: Path, spans_key: str = "sc", sentences: int = 200) -> None:
    """Print the METRICS that `spacy evaluate` wrote for MODEL on DATA, and write a page to OUTPUT."""
    nlp = spacy.load(model)
    scores = srsly.read_json(metrics)
    gold = list(DocBin().from_disk(data).get_docs(nlp.vocab))
    words = [Doc(nlp.vocab, words=[t.text for t in doc], spaces=[bool(t.whitespace_) for t in doc]) for doc in gold]
    predicted = list(track(nlp.pipe(words), total=len(words), description="Annotating", transient=True))

    labels = sorted({span.label_ for doc in gold for span in doc.spans[spans_key]})
    colors = {label: COLORS[i % len(COLORS)] for i, label in enumerate(labels)}
    counts = {label: sum(s.label_ == label for doc in gold for s in doc.spans[spans_key]) for label in labels}
    rows = score_rows(scores, spans_key, counts)
    nested = percent(scores[f"spans_{spans_key}_nested_r"])

    table = Table(
        title=f"{data.parent.name}: {data.stem}", caption=f"Recall of spans inside or around another: {nested}"
    )
    for name in ("Label", "Gold spans", "P", "R", "F1"):
        table.add_column(name, justify="left" if name == "Label" else "right")
    for row in rows:
        table.add_row(*row, style="bold" if row[0] == "all" else None, end_section=row is rows[-2])
    Console().print(table)

    drawn: list[str] = []
    for i, (gold_doc, predicted_doc) in enumerate(zip(gold, predicted, strict=True), start=1):
        for j, sentence in enumerate(gold_doc.sents, start=1):
            if len(drawn) < sentences:
                drawn.append(sentence_row(f"{i}.{j}", sentence, predicted_doc, spans_key, colors))
    page = Template(TEMPLATE.read_text(encoding="utf8")).substitute(
        title=escape(f"{data.parent.name}, {data.stem} part"),
        f1=rows[-1][4],
        precision=rows[-1][2],
        recall=rows[-1][3],
        nested=nested,
        legend="".join(f'<span style="--c:{colors[label]}">{escape(label)}</span>' for label in labels),
        table="".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows),
        n_sentences=str(len(drawn)),
        n_all=str(sum(len(list(doc.sents)) for doc in gold)),
        sentences="\n".join(drawn),
    )
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(page, encoding="utf8")
    Console().print(f"Gold and predicted spans side by side: [link=file://{output.absolute()}]{output}[/link]")


if __name__ == "__main__":
    typer.run(main)
