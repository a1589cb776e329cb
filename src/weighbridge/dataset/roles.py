"""Which part each column of a table plays: the label, the text, prompt and answer, and the context of a text."""

from __future__ import annotations

from weighbridge.core.records import TYPE_CHECKING
from weighbridge.dataset import answers as chats

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.dataset.database import Column, Database, Table

Pair = tuple["Column", "Column | None"]
LABELS = ("label", "labels", "class", "category", "target", "sentiment", "y", "fine_label", "folder")
"""Columns that are taken for labels if nobody names one, the first that is there."""
TEXTS = ("text", "sentence", "content", "review", "document", "body", "comment", "title")
CONTEXT = 8
"""Other columns with few values that say something of a record, at most."""
_LONG = 15
"""Characters on average from which on a column without a name of texts is one of texts, if its values differ."""


def label_column(table: Table, asked: str) -> Column | None:
    """The column with the labels."""
    by_name = {column.name.lower(): column for column in reversed(table.columns)}
    for name in (asked,) if asked else LABELS:
        column = by_name.get(name.lower())
        if column and column.kind in ("text", "number", "boolean"):
            return column
    return None


def prompt_and_answer(table: Table, text: str, answer: str) -> Pair | None:
    """Prompt and answer, or a chat that has both."""
    by_name = {column.name.lower(): column for column in table.columns if column.kind in ("text", "nested")}
    for name in chats.CHATS:
        if name in by_name and by_name[name].kind == "nested" and not answer:
            return by_name[name], None
    prompts = (text.lower(),) if text else chats.PROMPTS
    replies = (answer.lower(),) if answer else chats.ANSWERS
    prompt = next((by_name[name] for name in prompts if name in by_name), None)
    reply = next((by_name[name] for name in replies if name in by_name), None)
    return (prompt, reply) if prompt and reply and prompt != reply else None


def text_column(database: Database, table: Table, text: str, labels: Column | None, pair: Pair | None) -> Column | None:
    """The column with the texts: that of the name asked for, one with a name of texts, or the first of long ones."""
    if text and not pair:
        return next(column for column in table.columns if column.name == text)
    able = [column for column in table.columns if column.kind == "text" and column != labels]
    able = [column for column in able if not pair or column not in pair]
    named = [column for column in able if column.name.lower() in TEXTS]
    if named or pair:
        return named[0] if named else None
    for column in able:
        query = f"SELECT avg(length({column.read})), approx_count_distinct({column.read}) FROM {table.source}"  # noqa: S608
        long, distinct = database.ask(query, *table.parameters)[0]
        if (long or 0) >= _LONG and distinct >= table.rows / 10:
            return column
    return None


def context_columns(database: Database, table: Table, text: Column, labels: Column) -> Iterator[Column]:
    """Columns of few values beside a text: the product of a review, who wrote it."""
    able = [column for column in table.columns if column.kind in ("text", "boolean", "number")]
    able = [column for column in able if column not in (text, labels)][:100]
    if not able:
        return
    counts = ", ".join(f"approx_count_distinct({column.read})" for column in able)
    row = database.ask(f"SELECT {counts} FROM {table.source}", *table.parameters)[0]  # noqa: S608 -- our own words
    few = [column for column, distinct in zip(able, row, strict=True) if 2 <= distinct <= table.rows / 5]
    yield from few[:CONTEXT]
