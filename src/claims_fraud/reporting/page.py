"""A report as one HTML file that needs nothing else: first what was measured and the verdict, then tables and figures.

Not for what a report says: other modules make that, and leave out what must not be shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

import jinja2
import pandas as pd
import plotly.graph_objects as go


@dataclass(frozen=True)
class Section:
    """A part of a report.

    Attributes
    ----------
    heading : str
        One line.
    text : str
        What the reader looks at, and how to read it.
    table : DataFrame, optional
        Shown as it is, texts on the left and numbers on the right; missing values are dashes.
    figure : plotly Figure, optional
        Shown below the table.
    """

    heading: str
    text: str
    table: pd.DataFrame | None = None
    figure: go.Figure | None = None


def report_page(title: str, lead: Sequence[str], sections: Sequence[Section]) -> str:
    """Return the HTML of a report.

    Parameters
    ----------
    title : str
        Of the page.
    lead : sequence of str
        First lines: what was measured, on how many rows, and the verdict.
    sections : sequence of Section
        In the order shown.
    """
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(files(__package__).joinpath("page.html.j2").read_text(encoding="utf-8"))
    shown = [
        {"heading": one.heading, "text": one.text, "table": _cells(one.table), "figure": _figure(one.figure, number)}
        for number, one in enumerate(sections, start=1)
    ]
    # Once for all figures, since it is some megabytes.
    script = _plotly_script() if any(one.figure is not None for one in sections) else ""
    return template.render(title=title, lead=lead, sections=shown, script=script)


def _cells(table: pd.DataFrame | None) -> dict[str, list[list[tuple[str, bool]]] | list[str]] | None:
    """Return the header and the rows of a table, each cell with whether it is a number."""
    if table is None:
        return None
    numeric = [pd.api.types.is_numeric_dtype(table[name]) for name in table]
    rows = [
        [("–" if pd.isna(cell) else str(cell), number) for cell, number in zip(row, numeric, strict=True)]
        for row in table.itertuples(index=False)
    ]
    return {"header": [str(name) for name in table], "rows": rows}


def _figure(figure: go.Figure | None, number: int) -> str:
    if figure is None:
        return ""
    # An id of its own, since plotly's are random: the same report is the same file.
    html: str = figure.to_html(
        include_plotlyjs=False, full_html=False, config={"displaylogo": False}, div_id=f"figure_{number}"
    )
    return html


def _plotly_script() -> str:
    return files("plotly").joinpath("package_data", "plotly.min.js").read_text(encoding="utf-8")
