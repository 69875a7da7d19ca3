"""Draw README's picture from a prediction: `python docs/make_picture.py PIPELINE`. Writes two SVGs, light and dark."""

import sys
from pathlib import Path

import spacy
from jinja2 import Environment
from spacy.tokens import Doc, Span

TEXT = "The mayor of Bergen met the director of the University of Ghana on 4 May 1911."
# Pixels: the width of a character, the height of the text and of a bar, and the space around all.
CHARACTER, TEXT_HEIGHT, BAR, MARGIN = 9.6, 26, 26, 12
THEMES = {
    "light": {"text": "#1f2328", "ink": "#1f2328", "fills": ["#c7dcff", "#ffd9b3", "#c9ecc9", "#f3cde4", "#fff0a8"]},
    "dark": {"text": "#e6edf3", "ink": "#e6edf3", "fills": ["#24477f", "#7a4a18", "#225c2c", "#6f2c58", "#665600"]},
}
TEMPLATE = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {{ width }} {{ height }}" width="{{ width }}" height="{{ height }}"
     role="img" font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace">
<title>{{ title }}</title>
{%- for x, word in words %}
<text x="{{ x }}" y="{{ baseline }}" font-size="16" textLength="{{ word|length * character }}"
      fill="{{ theme.text }}">{{ word }}</text>
{%- endfor %}
{%- for bar in bars %}
<rect x="{{ bar.x }}" y="{{ bar.y }}" width="{{ bar.width }}" height="{{ bar.height }}" rx="4" fill="{{ bar.fill }}"/>
<text x="{{ bar.x + 6 }}" y="{{ bar.y + 15 }}" font-size="12" fill="{{ theme.ink }}">{{ bar.text }}</text>
{%- endfor %}
</svg>
"""


def rows(spans: list[Span]) -> list[int]:
    """RETURNS (list[int]): The row below the text for each span, so that inner spans are nearer to the text."""
    found: dict[Span, int] = {}
    for span in sorted(spans, key=len):
        below = [row for other, row in found.items() if other.start < span.end and span.start < other.end]
        found[span] = max(below, default=-1) + 1
    return [found[span] for span in spans]


def draw(doc: Doc, theme: dict) -> str:
    """RETURNS (str): The SVG of a doc and its spans."""
    group = doc.spans["sc"]
    spans, labels = list(group), sorted({span.label_ for span in group})
    places = rows(spans)
    bars = [
        {
            "x": round(MARGIN + span.start_char * CHARACTER, 1),
            "y": MARGIN + TEXT_HEIGHT + row * BAR,
            "width": round((span.end_char - span.start_char) * CHARACTER, 1),
            "height": BAR - 5,
            "fill": theme["fills"][labels.index(span.label_) % len(theme["fills"])],
            "text": f"{span.label_} {score:.2f}" if len(span.text) > 8 else span.label_,
        }
        for span, score, row in zip(spans, group.attrs["scores"].tolist(), places, strict=True)
    ]
    words = [(round(MARGIN + token.idx * CHARACTER, 1), token.text) for token in doc]
    return (
        Environment(autoescape=True)
        .from_string(TEMPLATE)
        .render(
            width=round(2 * MARGIN + len(doc.text) * CHARACTER),
            height=2 * MARGIN + TEXT_HEIGHT + (max(places) + 1) * BAR,
            baseline=MARGIN + 16,
            character=CHARACTER,
            title="; ".join(f"{span.text}: {span.label_}" for span in spans),
            words=words,
            bars=bars,
            theme=theme,
        )
    )


def main(pipeline: str) -> None:
    """Draw the picture with a pipeline, in both themes."""
    doc = spacy.load(pipeline)(TEXT)
    for name, theme in THEMES.items():
        path = Path(__file__).parent / "images" / f"spans-{name}.svg"
        path.write_text(draw(doc, theme) + "\n", encoding="utf8")


if __name__ == "__main__":
    main(sys.argv[1])
