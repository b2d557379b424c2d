"""A report is one HTML file with everything in it."""

from __future__ import annotations

from html.parser import HTMLParser

import pandas as pd
import plotly.graph_objects as go

from claims_fraud.reporting.page import Section, report_page

TABLE = pd.DataFrame({"group": ["a <b>", None], "flagged": [12, 3], "ratio": [1.25, None]})


class Tags(HTMLParser):
    """Collects the cells of a page's tables, and what it names of elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.cells: list[str] = []
        self.links: list[str] = []
        self._inside = False

    def handle_starttag(self, tag, attrs):
        self._inside = tag in ("td", "th")
        self.links += [f"{tag} {name}" for name, _ in attrs if name in ("src", "href")]

    def handle_data(self, data):
        if self._inside and data.strip():
            self.cells.append(data)


def parsed(page: str) -> Tags:
    parser = Tags()
    parser.feed(page)
    return parser


def test_tables_are_shown_as_they_are_with_dashes_for_nothing():
    page = report_page("Report", ["One line."], [Section("Groups", "Worst first.", TABLE)])
    assert parsed(page).cells == ["group", "flagged", "ratio", "a <b>", "12", "1.25", "–", "3", "–"]


def test_what_is_shown_is_no_markup():
    page = report_page("<title>", ["<script>alert(1)</script>"], [Section("<h>", "<i>", TABLE)])
    assert "<script>" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_a_figure_needs_nothing_from_elsewhere():
    figure = go.Figure(go.Bar(x=["a"], y=[1]))
    page = report_page("Report", [], [Section("One", "Text.", figure=figure), Section("Two", "Text.", figure=figure)])
    assert parsed(page).links == []
    # The library once, whatever the number of figures.
    assert 3_000_000 < len(page) < 6_000_000


def test_without_figures_it_is_small():
    assert len(report_page("Report", [], [Section("One", "Text.", TABLE)])) < 5_000
