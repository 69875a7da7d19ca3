"""The parts of a mention: its head, and the name or noun without what else is said of it."""

from collections.abc import Container

from spacy.tokens import Span, Token

# The label of GUM for persons.
PERSON = "person"
ARTICLES = frozenset(
    ("a", "an", "the", "this", "that", "these", "those", "its", "his", "her", "their", "our", "my", "your")
)
# What ends a name: the rest of a noun phrase says more of it.
RESTS = frozenset((",", "(", "who", "which", "that"))
POSSESSIVES = frozenset(("'s", "\u2019s", "'", "\u2019"))


def head_of(span: Span) -> Token:
    """RETURNS (Token): The first token of a span that depends on none inside, or the last token if there is none."""
    for token in span:
        if token.head.i == token.i or not span.start <= token.head.i < span.end:
            return token
    return span[-1]


def bare_name(span: Span, head: Token) -> Span:
    """RETURNS (Span): The name in a span. Of a person, the proper nouns alone: not "of Latvia", nor what he is."""
    if span.label_ == PERSON:
        return _run(span, head, {"PROPN"})
    rest = (token.i for token in span if token.i > head.i and token.lower_ in RESTS)
    return without_possessive(without_article(Span(span.doc, span.start, next(rest, span.end), label=span.label_)))


def bare_noun(span: Span, head: Token) -> Span:
    """RETURNS (Span): A noun with the nouns and adjectives before it: "wild rice" of "the wild rice in the lake"."""
    start = _run(span, head, {"NOUN", "PROPN", "ADJ"}).start
    return Span(span.doc, start, head.i + 1, label=span.label_)


def _run(span: Span, head: Token, tags: Container[str]) -> Span:
    """RETURNS (Span): The tokens of some parts of speech around the head of a span, with hyphens between them."""
    start = end = head.i - span.start
    for i in range(end + 1, len(span)):
        if span[i].pos_ in tags:
            end = i
        elif span[i].text != "-":
            break
    for i in range(start - 1, -1, -1):
        if span[i].pos_ in tags:
            start = i
        elif span[i].text != "-":
            break
    return Span(span.doc, span.start + start, span.start + end + 1, label=span.label_)


def without_possessive(span: Span) -> Span:
    """RETURNS (Span): A span without "'s" at its end."""
    n = len(span) > 1 and span[-1].lower_ in POSSESSIVES
    return Span(span.doc, span.start, span.end - n, label=span.label_, span_id=span.id)


def without_article(span: Span) -> Span:
    """RETURNS (Span): A span without articles before it. "The Hague" keeps its own."""
    doc, start = span.doc, span.start
    while start + 1 < span.end and doc[start].lower_ in ARTICLES and (doc[start].is_lower or doc[start].is_sent_start):
        start += 1
    return Span(doc, start, span.end, label=span.label_)
