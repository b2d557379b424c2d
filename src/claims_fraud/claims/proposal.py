"""Proposes the `columns:` and `read:` blocks for claims with columns of their own, from names and values.

Not for deciding: whoever knows the claims reviews the block, which says where it guessed and what it left out.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd
import yaml

from claims_fraud.claims.columns import OUTPUT_COLUMNS, OUTPUT_PREFIX, Columns
from claims_fraud.claims.format_proposal import Proposal, as_read, examples, propose_file, propose_values
from claims_fraud.claims.history import DERIVED, HISTORY, derivable
from claims_fraud.claims.reading import read_claims
from claims_fraud.claims.rows import is_present, numbers, truths

Kind = Literal["date", "odd date", "number", "text", "nested"]

EXAMINED = 1000
MOSTLY = 0.95
MOSTLY_EMPTY = 0.95
NEAR_UNIQUE = 0.5
MANY_VALUES = 1000
FEW_NUMBERS = 20
BINARY = 2
UNLIMITED = sys.maxsize

_KEY = r"(id|no|nr|num|number|key|code)"
_PATIENT = r"(?:patient|bene|beneficiary|member|insured|subscriber|enrollee|policy ?holder|customer|person)"
_PROVIDER = r"(?:provider|prov|prvdr|physician|doctor|hospital|facility|prescriber)"
_PROCEDURE = r"(?:procedure|proc|prcdr|cpt|hcpcs)"
_MONEY = r"(amt|amount|reimb\w*|paid|payments?|pmt|billed|charged?|charges|cost)"
_END = r"(end|thru|through|discharge|until|closed?)"
_BIRTH = r"\b(dob|born|\w*birth\w*)\b"

# Patterns for the words of a name, the most telling first; a match of any but the first SURE is a guess.
SURE = 2
NAMES: dict[str, tuple[str, ...]] = {
    "claim_id": (rf"\b(claim|clm) ?{_KEY}\b", rf"\b(claim|clm|case|invoice|record|row)\b.*\b{_KEY}\b", rf"\b{_KEY}$"),
    "birth_date": (_BIRTH,),
    "claim_end_date": (rf"\b(claim|clm|service|srvc)\b.*\b{_END}\b", rf"\b{_END}\b"),
    "claim_date": (
        r"\b(claim|clm|service|srvc)\b.*\b(start|from|begin)\b",
        r"\b(claim|clm|service|srvc|incident|accident|loss) (date|dt|day)\b",
        r"\b(start|from|begin|admission|admit|admsn)\b",
        r"",
    ),
    "patient_id": (rf"\b{_PATIENT}\b.*\b{_KEY}\b", rf"^{_PATIENT}$"),
    "provider_id": (rf"\b{_PROVIDER}\b.*\b{_KEY}\b", rf"^{_PROVIDER}$", r"\bnpi\b", rf"\b{_PROVIDER}$"),
    "claim_amount": (rf"\b(claim|clm|total|billed)\b.*\b{_MONEY}\b", rf"\b{_MONEY}\b"),
    "label": (r"\bis ?fraud\w*\b", r"\bfraud\w*\b", r"^(label|target|outcome|class)$"),
    "procedure": (rf"\b{_PROCEDURE} ?(code|cd)\b", rf"\b{_PROCEDURE}\b", r"\bservice (code|cd)\b"),
}
NOT_CLAIM_DATE = rf"{_BIRTH}|\b{_END}\b|\b(dod|death|died)\b"
NOT_CLAIM_AMOUNT = r"\b(annual|yearly|average|avg|mean|deductible|max|min|previous)\b"
DATE_NAME = rf"\b(date|dt|day|dod)\b|{_BIRTH}"
CODE_NAME = (
    r"\b(code|cd|procedure|proc|diagnosis|diag|dx|type|group|icd\w*|cpt|drg|hcpcs|zip|zipcode|postcode|npi)\b"
    r"|\b(state|county|region|gender|sex|race|ind)\b"
)
ID_NAME = rf"\b(id|npi|number|key)\b|\b{_PROVIDER}( \d+)?$|^{_PATIENT}$"
NEVER_IN_MODEL = r"\b(race|ethnic\w*|religio\w*|faith|caste|nationality|native|national origin|orientation|disab\w*)\b"
CONTEXT = (
    r"\b(sex|gender|marital|region|geographic|state|county|province|zip|zipcode|postcode)\b"
    r"|\bage\b(?!.*\b(vehicle|car|policy)\b(?! holder))"
)
RUN_TOGETHER = rf"\b(claim|clm|service|start|end|birth|{_PATIENT}|{_PROVIDER})(id|no|date|dt|amount|amt)\b"
ISO_DATE = r"\d{4}-\d\d-\d\d"
COMPACT_DATE = r"(19|20)\d{6}(\.0)?$"
LOCAL_DATE = r"\d{1,2}[./-]\d{1,2}[./-]\d{2,4}\b"

REQUIRED = {
    "claim_id": "no column looks like the claim's id (distinct in every row)",
    "claim_date": "no column with dates such as 2025-03-31 looks like the start of the claim",
    "patient_id": "no column looks like the patient's or member's id",
    "provider_id": "no column looks like the provider's or physician's id",
}
OPTIONAL = {
    "claim_end_date": "with it, claim_duration_days can be derived",
    "birth_date": "with it, patient_age can be derived",
    "claim_amount": "with it, average_claim_amount can be derived",
    "procedure": "code of what was done; with it, what is billed again can be seen",
    "label": "known outcome, 1 or yes for fraud; the model never sees it",
}


@dataclass(frozen=True)
class _Summary:
    """What the proposal goes by: of the values, figures only."""

    name: str
    words: str
    kind: Kind
    rows: int
    filled: int
    distinct: int
    is_truth: bool

    def says(self, pattern: str) -> bool:
        return re.search(pattern, self.words) is not None

    @property
    def is_numeric(self) -> bool:
        return self.kind == "number" and self.distinct > BINARY

    @property
    def is_unique(self) -> bool:
        return self.filled > 1 and self.distinct == self.filled


def propose(path: Path, separator: str | None = None) -> str:
    """Return a proposal for the `columns:` and `read:` blocks for the claims in a file or folder, as YAML text.

    Parameters
    ----------
    path : Path
        What `read_claims` reads.
    separator : str, optional
        Delimiter of a CSV, where it is known.
    """
    found = propose_file(path, "FILE")
    if separator:
        found.read["separator"] = separator
    frame = read_claims(path, name="FILE", read=found.parameters)
    found = propose_values(frame, found)
    read_as = as_read(frame, found.parameters)
    return "\n".join([propose_columns(read_as).rstrip("\n"), *_read_lines(found, examples(frame, read_as)), ""])


def _read_lines(found: Proposal, told: list[str]) -> list[str]:
    """Return the `read:` block, what its values become, and what was not assumed."""
    lines = []
    for name, value in found.read.items():
        text = yaml.safe_dump(value, allow_unicode=True, default_flow_style=True, width=UNLIMITED)
        lines.append(_line(f"  {name}: {text.strip().removesuffix('...').strip()}", found.questions.get(name)))
    return [
        "# How they are written, where not: commas between values, UTF-8, 1234.5, 2025-03-31, empty if missing.",
        *(["read:", *lines] if lines else ["read: {}"]),
        *(["# What values become:", *(f"#   {line}" for line in told)] if told else []),
        *(["# Not assumed:", *(f"#   {line}" for line in found.remarks)] if found.remarks else []),
    ]


def propose_columns(frame: pd.DataFrame) -> str:
    """Return a proposal for the `columns:` block as YAML text.

    Parameters
    ----------
    frame : DataFrame of shape (n, ...)
        Claims as they came.

    Returns
    -------
    str
        Valid YAML whatever the names of the columns. Every column stands in a role or, with the reason, in a comment
        at the end. A required role that nothing fits is null with the comment ``choose``.
    """
    times = Counter(frame.columns)
    unusable = {str(name): reason for name in times if (reason := _unusable(name, times[name]))}
    summaries = [_summary(frame[name]) for name in times if str(name) not in unusable]
    roles = _roles(summaries)
    # A procedure is a role and a feature in one.
    taken = {column.name for role, column in roles.items() if role != "procedure"}
    rest = [column for column in summaries if column.name not in taken]
    left_out = {**unusable, **{column.name: reason for column in rest if (reason := _left_out(column))}}
    features = [column for column in rest if column.name not in left_out]
    if "claim_amount" in roles:
        features.insert(0, roles["claim_amount"])
    derived = [name for name in _derived(roles) if name not in times]
    return "\n".join(
        [*_header(frame), *_role_lines(roles), *_feature_lines(features, derived), *_left_out_lines(left_out)]
    )


def _unusable(name: object, times: int) -> str | None:
    if not isinstance(name, str):
        return "its name is no text; rename it"
    if times > 1:
        return f"{times} columns have this name; rename them"
    if name in OUTPUT_COLUMNS or name.startswith(OUTPUT_PREFIX):
        return "it has the name of an output column; rename it if it is a feature"
    return None


def _summary(values: pd.Series) -> _Summary:
    name = str(values.name)
    words = _words(name)
    present = values[is_present(values)]
    kind = _kind(present.head(EXAMINED), words)
    comparable = present.astype(str) if kind == "nested" else present
    distinct = comparable.nunique()
    truth = distinct == BINARY and kind != "nested" and bool(truths(present).isin((0, 1)).all())
    return _Summary(name, words, kind, len(values), len(present), distinct, truth)


def _words(name: str) -> str:
    """Split ``InscClaimAmt_1`` into ``insc claim amt 1``."""
    parts = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_A-Za-z]+", name)
    return re.sub(RUN_TOGETHER, r"\1 \2", " ".join(parts).lower())


def _kind(values: pd.Series, words: str) -> Kind:
    if any(hasattr(value, "__len__") and not isinstance(value, str) for value in values):
        return "nested"
    text = values.astype(object).astype(str).str.strip()
    named_date = re.search(DATE_NAME, words) is not None
    if _mostly(text.str.match(ISO_DATE)):
        return "date"
    if _mostly(text.str.match(COMPACT_DATE)) and named_date:
        return "odd date" if pd.api.types.is_numeric_dtype(values) else "date"
    if _mostly(text.str.match(LOCAL_DATE)):
        return "odd date"
    is_code = re.search(CODE_NAME, words) or pd.api.types.is_bool_dtype(values) or text.str.match(r"0\d").any()
    return "number" if not is_code and _mostly(numbers(values).notna()) else "text"


def _mostly(matches: pd.Series) -> bool:
    return bool(len(matches) and matches.mean() >= MOSTLY)


def _fits(role: str, column: _Summary) -> bool:
    """Tell whether the values can play the role, and the name does not speak against it."""
    if role in ("claim_date", "claim_end_date", "birth_date"):
        return column.kind == "date" and not (role == "claim_date" and column.says(NOT_CLAIM_DATE))
    if role == "claim_id":
        return column.kind in ("text", "number") and column.distinct >= MOSTLY * column.rows and column.distinct > 1
    if role == "claim_amount":
        return column.kind == "number" and column.distinct > BINARY and not column.says(NOT_CLAIM_AMOUNT)
    if role == "label":
        return column.is_truth
    if role == "procedure":
        return not column.is_numeric and _left_out(column) is None
    return column.kind in ("text", "number") and column.distinct > 1


def _roles(summaries: list[_Summary]) -> dict[str, _Summary]:
    """Give each role the column whose name tells most, and no column two roles."""
    roles: dict[str, _Summary] = {}
    for role, patterns in NAMES.items():
        free = [column for column in summaries if column not in roles.values() and _fits(role, column)]
        found = [column for pattern in patterns for column in free if column.says(pattern)]
        if found:
            roles[role] = found[0]
    return roles


def _left_out(column: _Summary) -> str | None:
    """Return why a column without a role is no feature; None if it is one."""
    empty = 1 - column.filled / max(column.rows, 1)
    near_unique = column.distinct > NEAR_UNIQUE * column.filled and column.distinct > MANY_VALUES
    reasons = {
        "no values": not column.filled,
        f"{empty:.1%} empty": empty > MOSTLY_EMPTY,
        "constant (1 distinct value)": column.distinct == 1,
        "may tell the outcome; a label is 1 or 0, yes or no": any(column.says(pattern) for pattern in NAMES["label"]),
        "a date, and dates are no features": column.kind == "date",
        "dates not written as 2025-03-31; rewrite them to give them a role": column.kind == "odd date",
        "lists or structures": column.kind == "nested",
        f"another id ({column.distinct:,} distinct values)": column.says(ID_NAME)
        and (column.is_unique or (column.kind == "text" and column.distinct > MANY_VALUES)),
        f"nearly unique text ({column.distinct:,} distinct values in {column.filled:,} rows)": column.kind == "text"
        and (near_unique or column.is_unique),
    }
    return next((reason for reason, applies in reasons.items() if applies), None)


def _derived(roles: dict[str, _Summary]) -> list[str]:
    names = {role: column.name for role, column in roles.items()}
    with_patient = "patient_id" in roles and "claim_date" in roles
    usual = Columns.model_fields["numeric"].default
    columns = Columns.model_construct(
        numeric=tuple(name for name in DERIVED if name in usual),
        claim_amount=names.get("claim_amount"),
        procedure=names.get("procedure"),
        claim_end_date=names.get("claim_end_date"),
        birth_date=names.get("birth_date"),
    )
    return [name for name in derivable(columns) if with_patient or (name not in HISTORY and "claim_date" in roles)]


def _header(frame: pd.DataFrame) -> list[str]:
    return [
        f"# Proposed from the names and values of {frame.shape[1]:,} columns ({len(frame):,} rows): review every line.",
        "# It goes into conf/<environment>/parameters.yml, in place of the blocks `columns:` and `read:` there.",
        "columns:",
    ]


def _role_lines(roles: dict[str, _Summary]) -> list[str]:
    lines = []
    for role in Columns.model_fields:
        if role in roles:
            lines.append(_line(f"  {role}: {_quoted(roles[role].name)}", _doubt(role, roles[role])))
        elif role in REQUIRED:
            lines.append(_line(f"  {role}: null", f"choose: {REQUIRED[role]}"))
        elif role in OPTIONAL:
            lines.append(_line(f"  {role}: null", OPTIONAL[role]))
    return [*lines, _line("  incumbent: null", "flag or score of the system in place, if there is one")]


def _doubt(role: str, column: _Summary) -> str | None:
    if role == "claim_id" and column.distinct < column.rows:
        return f"check: {column.distinct:,} distinct values in {column.rows:,} rows; rows that share an id are rejected"
    return None if any(column.says(pattern) for pattern in NAMES[role][:SURE]) else "check: the best guess"


def _feature_lines(features: list[_Summary], derived: list[str]) -> list[str]:
    numeric = [column for column in features if column.is_numeric]
    categorical = [column for column in features if column not in numeric]
    numeric_lines = [_line(f"    - {_quoted(column.name)}", _numeric_doubt(column)) for column in numeric]
    derived_lines = [_line(f"    - {name}", "derived") for name in derived]
    return [
        *_block("categorical", [f"    - {_quoted(column.name)}" for column in categorical]),
        *_block("numeric", numeric_lines + derived_lines),
        *_block("protected", _protected_lines(features, derived)),
    ]


def _numeric_doubt(column: _Summary) -> str | None:
    few = column.distinct <= FEW_NUMBERS < column.rows
    return f"check: {column.distinct} distinct values; categorical if they are codes" if few else None


def _protected_lines(features: list[_Summary], derived: list[str]) -> list[str]:
    """Return a list, since a mapping would be merged with that of another environment."""
    lines = []
    for column in features:
        if column.says(NEVER_IN_MODEL):
            lines.append(_line(f"    - {_quoted(column.name)}: none", "not in the model; fairness is measured on it"))
        elif column.says(CONTEXT):
            lines.append(f"    - {_quoted(column.name)}")
    return [*lines, *(f"    - {name}" for name in derived if name == "patient_age")]


def _block(key: str, lines: list[str]) -> list[str]:
    return [f"  {key}:", *lines] if lines else [f"  {key}: []"]


def _left_out_lines(left_out: dict[str, str]) -> list[str]:
    title = ["# Left out (name a column under categorical or numeric to have it all the same):"] if left_out else []
    return [*title, *(f"#   {_quoted(name)}: {reason}" for name, reason in left_out.items()), ""]


def _line(text: str, comment: str | None) -> str:
    return f"{text}  # {comment}" if comment else text


def _quoted(name: str) -> str:
    """Return the name as YAML on one line, quoted where YAML would read something else."""
    plain = str(yaml.safe_dump([name], default_flow_style=True, allow_unicode=True, width=UNLIMITED))[1:-2]
    if len(plain.splitlines()) == 1:
        return plain
    return str(yaml.safe_dump([name], default_flow_style=True, default_style='"', width=UNLIMITED))[1:-2]
