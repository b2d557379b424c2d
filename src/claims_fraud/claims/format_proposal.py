"""Proposes the `read:` block: how a file, its numbers and dates, and its missing values are written.

All values are looked at, not the first ones: a day above 12 may come late. What fits two readings is asked, never
guessed. Not for roles: see ``proposal``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd

from claims_fraud.claims.parameters import CHOOSE, ReadParameters
from claims_fraud.claims.reading import CSV, SEPARATORS, byte_order_mark, data_files, first_line, is_utf_8, kind_of
from claims_fraud.claims.rows import dates, is_present, numbers, without_missing
from claims_fraud.statistics.values import value_text

# Orders of day, month and year, as people write them; with a time of day after them or not.
DAYS = (
    *("%d.%m.%Y", "%m.%d.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y/%m/%d", "%Y.%m.%d"),
    *("%d.%m.%y", "%d/%m/%y", "%m/%d/%y", "%d-%b-%Y", "%d %b %Y", "%d%b%Y", "%b %d, %Y", "%d-%b-%y"),
)
TIMES = ("", " %H:%M", " %H:%M:%S", "T%H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
DATE_LIKE = re.compile(r"\d{1,4}[./ -]?(?:\d{1,2}|[A-Za-z]{3})[./ ,-]*\d{2,4}\b|[A-Za-z]{3} \d{1,2}, \d{4}")
SIGNS = ((".", ""), (".", ","), (",", ""), (",", "."), (",", " "), (".", " "), (".", "'"))
CURRENCY = re.compile(r"[$€£¥₹]|\b(?:USD|EUR|GBP|CHF|CAD|AUD|INR|JPY)\b")
BLANK = "\\s\N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}"
NUMBER_LIKE = re.compile(rf"(?=.*\d)[\d.,'()+$€£¥₹A-Z{BLANK}-]+")
# Texts that may stand for a missing value: the first ones hardly ever mean anything else.
NOTHING = ("?", "-", "--", ".", "\\N", "#N/A", "<NA>")
PERHAPS = ("NA", "N/A", "n/a", "null", "NULL", "None", "none", "nan", "NaN", "unknown", "Unknown", "UNKNOWN")
SENTINELS = ("1900-01-01", "1899-12-31", "9999-12-31", "9999-01-01", "1970-01-01")
# What some systems write for no date at all.
NO_DAY = r"0+(?P<sign>[./-])0+(?P=sign)0+(?:[ T]00:00(?::00)?)?"
# Of the values that are no missing ones, those that have to fit a way of writing.
MOSTLY = 0.95
SHOWN = 3
# Values by which it is seen which formats are worth trying on all, and the share of them that has to fit.
TRIED, HALF = 20, 0.5


@dataclass
class Proposal:
    """How claims seem to be written.

    Attributes
    ----------
    read : dict
        What differs from the defaults of `ReadParameters`.
    questions : dict of str to str
        By parameter what has to be chosen or checked.
    undecided : dict
        What stands in the place of a value in ``read`` that has to be chosen: `CHOOSE`, which no run accepts.
    remarks : list of str
        What was found and not assumed.
    """

    read: dict[str, Any] = field(default_factory=dict)
    questions: dict[str, str] = field(default_factory=dict)
    undecided: dict[str, Any] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)

    @property
    def parameters(self) -> ReadParameters:
        """The proposal as parameters."""
        return ReadParameters.model_validate(self.read)


def propose_file(path: Path, name: str) -> Proposal:
    """Return separator and encoding of a CSV; nothing of other files."""
    found = Proposal()
    (file, *_) = data_files(path, name)
    if kind_of(file) != CSV:
        return found
    encoding = byte_order_mark(file) or ("utf-8" if is_utf_8(file) else "windows-1252")
    if encoding == "windows-1252":
        found.read["encoding"] = encoding
        found.questions["encoding"] = "check: the file is not UTF-8, and this is what programs on Windows write"
    header = first_line(file, encoding)
    if header.startswith("'") and '"' not in header:
        found.read["quote"] = "'"
    likely = max(SEPARATORS, key=header.count)
    if header.count(likely) and likely != ",":
        found.read["separator"] = likely
    return found


def propose_values(frame: pd.DataFrame, found: Proposal) -> Proposal:
    """Add how values are written to what `propose_file` found.

    Parameters
    ----------
    frame : DataFrame of shape (n, ...)
        Claims as they came.
    found : Proposal
        It is changed and returned.
    """
    counts = {str(name): _texts(frame[name]) for name in frame.columns[~frame.columns.duplicated(keep=False)]}
    counts = {name: times for name, times in counts.items() if len(times)}
    missing = _missing_values(counts, found)
    texts = {name: pd.Series(times.index, dtype=object) for name, times in counts.items()}
    known = {name: values[~values.isin(missing.get(name, ()))] for name, values in texts.items()}
    _propose_dates(known, found)
    dated = found.read.get("date_format", {})
    _propose_numbers({name: values for name, values in known.items() if name not in dated}, found)
    return found


def as_read(frame: pd.DataFrame, read: ReadParameters) -> pd.DataFrame:
    """Return the claims with what is written in other ways as Python writes it: numbers, and dates in ISO 8601."""
    table = {}
    if not frame.columns.is_unique or not all(isinstance(name, str) for name in frame):
        return frame
    for name in map(str, frame):
        values = without_missing(frame[name], read.missing_values_of(name))
        known = values[is_present(values)]
        written = read.date_format_of(name)
        text = known.astype(object).map(lambda value: isinstance(value, str)).all() if len(known) else False
        if text and written and dates(known, written).notna().mean() >= MOSTLY:
            days = dates(values, written)
            values = days.dt.strftime("%Y-%m-%d").astype(object).where(days.notna(), None)
        elif text and not read.plain_numbers and numbers(known).isna().mean() > 1 - MOSTLY:
            read_as = numbers(known, read)
            values = numbers(values, read) if read_as.notna().mean() >= MOSTLY else values
        table[name] = values
    return pd.DataFrame(table, index=frame.index)


def examples(frame: pd.DataFrame, read_as: pd.DataFrame) -> list[str]:
    """Return a line for each column that `as_read` changed: values, and what they become."""
    lines = []
    for name in read_as:
        before, after = frame[name], read_as[name]
        if after is before or after.equals(before):
            continue
        # A missing one among them, if there is any, then the first ones.
        some = [*after.index[after.isna() & before.notna()][:1], *after.index[after.notna()]][:SHOWN]
        pairs = (f"{before[row]!r} is {_told(after[row])}" for row in some)
        lines.append(f"{name}: {', '.join(pairs)}")
    return lines


def _texts(values: pd.Series) -> pd.Series:
    """Return how often each text is there, of a column that has nothing but text; nothing of another one."""
    present = values[is_present(values)]
    objects = present.astype(object)
    if not objects.map(lambda value: isinstance(value, str)).all():
        return pd.Series([], dtype="int64")
    return objects.str.strip().value_counts(sort=False)


def _missing_values(counts: Mapping[str, pd.Series], found: Proposal) -> dict[str, list[str]]:
    """Propose texts and sentinel dates for missing values, by column, and remark on texts that may be values."""
    proposed: dict[str, list[str]] = {}
    checks: list[str] = []
    for name, times in counts.items():
        here = [text for text in (*NOTHING, *PERHAPS) if text in times]
        rest = pd.Series(times.index[~times.index.isin(here)], dtype=object)
        # Where all else is numbers or dates, such a text can be neither.
        typed = len(rest) > 0 and (_share_of_numbers(rest) >= MOSTLY or _share_of_dates(rest) >= MOSTLY)
        sure = here if typed else [text for text in here if text in NOTHING]
        if sure:
            proposed[name] = sure
        perhaps = [f"{text!r} in {times[text]:,} rows" for text in here if text not in sure]
        if perhaps:
            found.remarks.append(
                f"{name} has {', '.join(perhaps)}: values, unless missing_values names them for {name}"
            )
        is_sentinel = times.index.str.startswith(SENTINELS) | times.index.str.fullmatch(NO_DAY)
        sentinels = [str(text) for text in times.index[is_sentinel]]
        if sentinels and _share_of_dates(rest) >= MOSTLY:
            proposed[name] = [*proposed.get(name, ()), *sentinels]
            told = ", ".join(f"{text} in {times[text]:,} rows" for text in sentinels)
            checks.append(f"{name} has {told}")
    if checks:
        found.questions["missing_values"] = f"check: {'; '.join(checks)}; remove what is a date"
    if proposed:
        found.read["missing_values"] = proposed
    return proposed


def _share_of_numbers(values: pd.Series) -> float:
    return float(values.str.fullmatch(NUMBER_LIKE).mean())


def _share_of_dates(values: pd.Series) -> float:
    return float(values.str.match(DATE_LIKE).mean())


def _propose_dates(texts: Mapping[str, pd.Series], found: Proposal) -> None:
    formats: dict[str, str] = {}
    questions: list[str] = []
    for name, values in texts.items():
        if _share_of_dates(values) < MOSTLY or dates(values).notna().mean() >= MOSTLY:
            continue
        fitting = [one for one in _date_formats(values) if dates(values, one).notna().mean() >= MOSTLY]
        if not fitting:
            continue
        whole = [one for one in fitting if dates(values, one).notna().all()] or fitting
        formats[name] = whole[0]
        if len(whole) > 1:
            questions.append(f"{name} may be {' or '.join(whole)}, which fit all of its values")
            found.undecided.setdefault("date_format", {})[name] = CHOOSE
    if questions:
        found.questions["date_format"] = f"choose: {'; '.join(questions)}"
    if formats:
        found.read["date_format"] = formats


def _date_formats(values: pd.Series) -> Iterable[str]:
    # Not by the first value alone, which may be no date.
    some = values.head(TRIED)
    for day, time in product(DAYS, TIMES):
        one = day + time
        if dates(some, one).notna().mean() >= HALF:
            yield one


def _propose_numbers(texts: Mapping[str, pd.Series], found: Proposal) -> None:
    """Propose one way for all columns that are numbers, if they are not written as Python writes them."""
    written = {
        name: values
        for name, values in texts.items()
        if _share_of_numbers(values) >= MOSTLY
        and numbers(values).isna().mean() > 1 - MOSTLY
        and (values.str.contains(r"[.,' ]").any() or values.str.contains(CURRENCY).any())
    }
    if not written:
        return
    used = [str(sign) for values in written.values() for sign in values.str.findall(CURRENCY).explode().dropna()]
    # The most frequent first: where there are several, the others' values are no numbers.
    currencies = [sign for sign, _ in Counter(sorted(used)).most_common()]
    ways = [
        ReadParameters(decimal=decimal, thousands=thousands, currency=currency)
        for currency in (*currencies[:1], "")
        for decimal, thousands in SIGNS
    ]
    fitting = {
        name: [way for way in ways if numbers(values, way).notna().mean() >= MOSTLY] for name, values in written.items()
    }
    fitting = {name: those for name, those in fitting.items() if those}
    common = [way for way in ways if all(way in those for those in fitting.values())] if fitting else []
    if fitting and not common:
        found.remarks.append(
            f"numbers of {', '.join(sorted(written))} are written in different ways: one way a file can be read"
        )
    if not common:
        return
    chosen = common[0]
    if len(currencies) > 1:
        found.questions["currency"] = f"choose: {' or '.join(currencies)}; amounts in another one are rejected"
        found.undecided["currency"] = CHOOSE
    found.read |= {
        name: value
        for name, value in (
            ("decimal", chosen.decimal),
            ("thousands", chosen.thousands),
            ("currency", chosen.currency),
        )
        if value != ReadParameters.model_fields[name].default
    }
    others = [way for way in common[1:] if _differ(chosen, way, [written[name] for name in fitting])]
    if others:
        signs = " or ".join(f"decimal {way.decimal!r} with thousands {way.thousands!r}" for way in (chosen, *others))
        found.questions["decimal"] = f"choose: {signs}, which fit all values"
        found.read |= {"decimal": chosen.decimal, "thousands": chosen.thousands}
        found.undecided |= {"decimal": CHOOSE, "thousands": CHOOSE}


def _differ(one: ReadParameters, other: ReadParameters, columns: Iterable[pd.Series]) -> bool:
    """Return whether two ways of writing make different numbers of the same texts."""
    return any(not numbers(values, one).equals(numbers(values, other)) for values in columns)


def _told(value: Any) -> str:
    return "missing" if pd.isna(value) else value_text(value)
