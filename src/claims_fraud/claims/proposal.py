"""Proposes the `columns:` and `read:` blocks for claims with columns of their own, from names and values.

Not for deciding: whoever knows the claims reviews the block, which says where it guessed and what it left out.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import pandas as pd
import yaml

from claims_fraud.claims.columns import OUTPUT_COLUMNS, OUTPUT_PREFIX, Columns
from claims_fraud.claims.format_proposal import Proposal, as_read, examples, propose_file, propose_values
from claims_fraud.claims.history import DERIVED, derivable
from claims_fraud.claims.reading import read_claims
from claims_fraud.claims.rows import is_present, numbers, texts, truths

# By role what stands for it in YAML, and a comment.
Special: TypeAlias = dict[str, tuple[str, str | None]]
Kind = Literal["date", "odd date", "number", "text", "nested"]

EXAMINED = 1000
MOSTLY = 0.95
MOSTLY_EMPTY = 0.95
NEAR_UNIQUE = 0.5
MANY_VALUES = 1000
FEW_NUMBERS = 20
BINARY = 2
UNLIMITED = sys.maxsize

_KEY = r"(id|no|nr|num|number|key|code|ref|reference)"
_PATIENT = (
    r"(?:patient|bene|beneficiary|member|insured|subscriber|enrollee|policy ?holder|customer|person|claimant|driver"
    r"|employee|worker|card ?holder)"
)
_PROVIDER = (
    r"(?:provider|prov|prvdr|physician|doctor|hospital|facility|prescriber|pharmacy|clinic|garage|workshop|repairer"
    r"|body ?shop|contractor|vendor)"
)
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
    "party": (rf"\b{_PATIENT}\b.*\b{_KEY}\b", rf"^{_PATIENT}$", rf"\bpolicy ?{_KEY}\b", r"^policy$"),
    "provider": (rf"\b{_PROVIDER}\b.*\b{_KEY}\b", rf"^{_PROVIDER}$", r"\bnpi\b", rf"\b{_PROVIDER}$"),
    "claim_amount": (rf"\b(claim|clm|total|billed)\b.*\b{_MONEY}\b", rf"\b{_MONEY}\b"),
    "label": (r"\bis ?fraud\w*\b", r"\bfraud\w*\b", r"^(label|target|outcome|class)$"),
    "procedure": (rf"\b{_PROCEDURE} ?(code|cd)\b", rf"\b{_PROCEDURE}\b", r"\bservice (code|cd)\b"),
    "updated_at": (r"\b(updated?|modified|corrected|changed|revised|version)\b",),
    "status": (r"^(claim |clm |payment |line )?status( code)?$",),
}
LINE_NAME = r"\b(line|item|seq|sequence|segment|sgmt)\b"
# The line is looked for only where the id alone does not tell rows apart.
PATTERNS = {**NAMES, "line": (LINE_NAME,)}
REVERSAL_VALUE = r"\b(revers\w*|void\w*|cancel\w*|storn\w*)\b"
# So many columns of one stem that are numbered may be one set of codes.
FEWEST_OF_SET, SHARED = 3, 0.5
FRAUD_VALUE, NO_VALUE = r"fraud|confirmed|suspicious|suspected", r"\b(no|not|non|none)\b|non-?fraud|legit|genuine|clean"
NOT_CLAIM_DATE = rf"{_BIRTH}|\b{_END}\b|\b(dod|death|died|updated?|modified|corrected|changed|revised|version)\b"
NOT_CLAIM_AMOUNT = r"\b(annual|yearly|average|avg|mean|deductible|max|min|previous)\b"
DATE_NAME = rf"\b(date|dt|day|dod)\b|{_BIRTH}"
CODE_NAME = (
    r"\b(code|cd|procedure|proc|diagnosis|diag|dx|type|group|icd\w*|cpt|drg|hcpcs|zip|zipcode|postcode|npi)\b"
    r"|\b(state|county|region|gender|sex|race|ind)\b|\b(id|key)$"
)
ID_NAME = rf"\b(id|npi|number|key)\b|\b{_PROVIDER}( \d+)?$|^{_PATIENT}$"
NEVER_IN_MODEL = r"\b(race|ethnic\w*|religio\w*|faith|caste|nationality|native|national origin|orientation|disab\w*)\b"
CONTEXT = (
    r"\b(sex|gender|marital|region|geographic|state|county|province|zip|zipcode|postcode)\b"
    r"|\bage\b(?!.*\b(vehicle|car|policy)\b(?! holder))"
)
RUN_TOGETHER = rf"\b(claim|clm|service|start|end|birth|{_PATIENT}|{_PROVIDER})(id|no|date|dt|amount|amt)\b"
ISO_DATE = r"\d{4}([-/])\d\d\1\d\d"
# Ranges of recent dates stored as numbers: Excel's day counts, and seconds or milliseconds since 1970.
NUMBERED_DATES = ((10_000, 60_000), (1e8, 4e9), (1e11, 4e12))
COMPACT_DATE = r"(19|20)\d{6}(\.0)?$"
LOCAL_DATE = r"\d{1,2}[./-]\d{1,2}[./-]\d{2,4}\b"

REQUIRED = {
    "claim_id": "no column looks like the claim's id (distinct in every row)",
    "claim_date": "no column with dates such as 2025-03-31 looks like the start of the claim",
}
OPTIONAL = {
    "party": "no column looks like the id of a patient, member or insured; with it, history can be derived",
    "provider": "no column looks like the id of who bills or repairs; with it, providers are ranked",
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
    below_zero: int

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
    columns = propose_columns(read_as).rstrip("\n")
    return "\n".join([*_header(frame, path), columns, *_read_lines(found, examples(frame, read_as)), ""])


def _read_lines(found: Proposal, told: list[str]) -> list[str]:
    """Return the `read:` block, what its values become, and what was not assumed."""
    lines = []
    for name, proposed in found.read.items():
        undecided = found.undecided.get(name, proposed)
        value = {**proposed, **undecided} if isinstance(undecided, dict) else undecided
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
    special = _label_by_word(frame, summaries, roles)
    special |= _id_of_repeated(frame, summaries, roles)
    # A procedure is a role and a feature in one.
    taken = {column.name for role, column in roles.items() if role != "procedure"}
    rest = [column for column in summaries if column.name not in taken]
    sets = _code_sets(frame, rest)
    rest = [column for column in rest if not any(column.name in names for names in sets)]
    left_out = {**unusable, **{column.name: reason for column in rest if (reason := _left_out(column))}}
    rest = [column for column in rest if column.name not in left_out]
    dates = [column.name for column in rest if column.kind == "date"]
    features = [column for column in rest if column.kind != "date"]
    if "claim_amount" in roles:
        features.insert(0, roles["claim_amount"])
    derived = [name for name in _derived(roles) if name not in times]
    if dates:
        special["other_dates"] = _list(dates), "each gives days_since_…, its days before the claim"
    if sets:
        special["code_sets"] = _list(sets), "their order has no meaning; take out a principal code"
    if "status" in roles:
        special["reversal"] = _list(_reversals(frame[roles["status"].name])), "what takes another row back"
    return "\n".join(
        [
            "columns:",
            *_role_lines(roles, special),
            *_feature_lines(features, derived, roles.get("claim_amount")),
            *_signed_lines(features, roles.get("claim_amount")),
            *_left_out_lines(left_out),
        ]
    )


def _label_by_word(frame: pd.DataFrame, summaries: list[_Summary], roles: dict[str, _Summary]) -> Special:
    """Give the label a column of two words, where one of them says fraud; return what stands for it."""
    if "label" in roles:
        return {}
    for column in summaries:
        if column.kind != "text" or column.distinct != BINARY or not any(column.says(one) for one in NAMES["label"]):
            continue
        words = texts(frame[column.name]).dropna().unique()
        fraud = [word for word in words if re.search(FRAUD_VALUE, word, re.I) and not re.search(NO_VALUE, word, re.I)]
        if len(fraud) == 1 and column not in roles.values():
            roles["label"] = column
            return {"label_value": (_quoted(fraud[0]), "check: any other word is no fraud")}
    return {}


def _id_of_repeated(frame: pd.DataFrame, summaries: list[_Summary], roles: dict[str, _Summary]) -> Special:
    """Find the id of claims of which there are several rows: lines, or versions of which the newest counts."""
    if "claim_id" in roles:
        return {}
    free = [column for column in summaries if column not in roles.values() and column.kind in ("text", "number")]
    ids = [column for pattern in NAMES["claim_id"][:SURE] for column in free if column.says(pattern)]
    for column in ids:
        if "updated_at" in roles and _tell_rows_apart(frame, column.name, roles["updated_at"].name):
            roles["claim_id"] = column
            return {}
        for line in (one for one in free if one is not column and one.says(LINE_NAME)):
            if _tell_rows_apart(frame, column.name, line.name):
                roles["claim_id"], roles["line"] = column, line
                return {"claim_id": (_list([column.name, line.name]), "a line of a claim")}
    return {}


def _tell_rows_apart(frame: pd.DataFrame, *names: str) -> bool:
    return bool(len(frame[list(names)].drop_duplicates()) >= MOSTLY * len(frame))


def _code_sets(frame: pd.DataFrame, columns: list[_Summary]) -> list[list[str]]:
    """Return columns of codes that are numbered, such as dx1 to dx12, where they share their values."""
    stems: dict[str, list[str]] = {}
    for column in columns:
        stem, _, number = column.words.rpartition(" ")
        if number.isdigit() and column.kind == "text" and column.filled:
            stems.setdefault(stem, []).append(column.name)
    return [names for names in stems.values() if len(names) >= FEWEST_OF_SET and _share_values(frame[names])]


def _share_values(codes: pd.DataFrame) -> bool:
    """Tell whether most values of each column stand in another one too."""
    values = [set(texts(codes[name]).dropna()) for name in codes]
    elsewhere = [set().union(*(other for other in values if other is not own)) for own in values]
    return all(len(own & others) >= SHARED * len(own) for own, others in zip(values, elsewhere, strict=True))


def _reversals(status: pd.Series) -> list[str]:
    return sorted(word for word in texts(status).dropna().unique() if re.search(REVERSAL_VALUE, word, re.I))


def _list(values: list[str] | list[list[str]]) -> str:
    return str(yaml.safe_dump(values, default_flow_style=True, allow_unicode=True, width=UNLIMITED)).strip()


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
    comparable = present.map(str) if kind == "nested" else present
    distinct = comparable.nunique()
    truth = distinct == BINARY and kind != "nested" and bool(truths(present).isin((0, 1)).all())
    below_zero = int((numbers(present) < 0).sum()) if kind == "number" else 0
    return _Summary(name, words, kind, len(values), len(present), distinct, truth, below_zero)


def _words(name: str) -> str:
    """Split ``InscClaimAmt_1`` into ``insc claim amt 1``."""
    parts = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_A-Za-z]+", name)
    return re.sub(RUN_TOGETHER, r"\1 \2", " ".join(parts).lower())


def _kind(values: pd.Series, words: str) -> Kind:
    if any(hasattr(value, "__len__") and not isinstance(value, str) for value in values):
        return "nested"
    text = values.astype(object).map(str).str.strip()
    named_date = re.search(DATE_NAME, words) is not None
    if _mostly(text.str.match(ISO_DATE)):
        return "date"
    if _mostly(text.str.match(COMPACT_DATE)) and named_date:
        return "odd date" if pd.api.types.is_numeric_dtype(values) else "date"
    if _mostly(text.str.match(LOCAL_DATE)) or (named_date and _are_numbered_dates(values)):
        return "odd date"
    is_code = re.search(CODE_NAME, words) or pd.api.types.is_bool_dtype(values) or text.str.match(r"0\d").any()
    return "number" if not is_code and _mostly(numbers(values).notna()) else "text"


def _are_numbered_dates(values: pd.Series) -> bool:
    found = numbers(values)
    return any(_mostly(found.between(least, most)) for least, most in NUMBERED_DATES)


def _mostly(matches: pd.Series) -> bool:
    return bool(len(matches) and matches.mean() >= MOSTLY)


def _fits(role: str, column: _Summary) -> bool:
    """Tell whether the values can play the role, and the name does not speak against it."""
    if role in ("claim_date", "claim_end_date", "birth_date", "updated_at"):
        return column.kind == "date" and not (role == "claim_date" and column.says(NOT_CLAIM_DATE))
    if role == "claim_id":
        return column.kind in ("text", "number") and column.distinct >= MOSTLY * column.rows and column.distinct > 1
    if role == "claim_amount":
        return column.kind == "number" and column.distinct > BINARY and not column.says(NOT_CLAIM_AMOUNT)
    if role == "label":
        return column.is_truth
    if role in ("procedure", "status"):
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
    usual = Columns.model_fields["numeric"].default
    columns = Columns.model_construct(
        numeric=tuple(name for name in DERIVED if name in usual),
        party=names.get("party"),
        provider=names.get("provider"),
        claim_amount=names.get("claim_amount"),
        procedure=names.get("procedure"),
        claim_end_date=names.get("claim_end_date"),
        birth_date=names.get("birth_date"),
    )
    return list(derivable(columns)) if "claim_date" in roles else []


def _header(frame: pd.DataFrame, path: Path) -> list[str]:
    """Return what the file is for, where the claims are, and a folder of their own for what comes of them."""
    name = re.sub(r"[^A-Za-z0-9]+", "_", path.name.partition(".")[0]).strip("_")
    return [
        f"# Proposed from the names and values of {frame.shape[1]:,} columns ({len(frame):,} rows): review every line.",
        "# Then run `kedro run --params=settings=` with the name of this file.",
        f"raw_claims: {_quoted(str(path))}",
        f"data_root: data/{name or 'claims'}",
    ]


def _role_lines(roles: dict[str, _Summary], special: Special) -> list[str]:
    lines = []
    for role in Columns.model_fields:
        if role in special:
            value, comment = special[role]
            lines.append(_line(f"  {role}: {value}", comment))
        elif role in roles:
            lines.append(
                _line(f"  {role}: {_quoted(roles[role].name)}", _doubt(role, roles[role], "updated_at" in roles))
            )
        elif role in REQUIRED:
            lines.append(_line(f"  {role}: null", f"choose: {REQUIRED[role]}"))
        elif role in OPTIONAL:
            lines.append(_line(f"  {role}: null", OPTIONAL[role]))
    return [*lines, _line("  incumbent: null", "flag or score of the system in place, if there is one")]


def _doubt(role: str, column: _Summary, versions: bool) -> str | None:
    if role == "claim_id" and column.distinct < column.rows:
        then = "are versions, and the newest counts" if versions else "are rejected"
        return f"check: {column.distinct:,} distinct values in {column.rows:,} rows; rows that share an id {then}"
    return None if any(column.says(pattern) for pattern in PATTERNS[role][:SURE]) else "check: the best guess"


def _feature_lines(features: list[_Summary], derived: list[str], amount: _Summary | None) -> list[str]:
    """Return the blocks of features; amounts below 0 are reversals, which need no word."""
    numeric = [column for column in features if column.is_numeric]
    categorical = [column for column in features if column not in numeric]
    numeric_lines = [
        _line(f"    - {_quoted(column.name)}", None if column is amount else _numeric_doubt(column))
        for column in numeric
    ]
    derived_lines = [_line(f"    - {name}", "derived") for name in derived]
    return [
        *_block("categorical", [f"    - {_quoted(column.name)}" for column in categorical]),
        *_block("numeric", numeric_lines + derived_lines),
        *_block("protected", _protected_lines(features, derived)),
    ]


def _signed_lines(features: list[_Summary], amount: _Summary | None) -> list[str]:
    """Return the block that lets numbers be below 0 that are so; of the amount such are reversals."""
    signed = [column.name for column in features if column.is_numeric and column.below_zero and column is not amount]
    return ["data_ingestion:", f"  signed_columns: {_list(signed)}"] if signed else []


def _numeric_doubt(column: _Summary) -> str | None:
    if column.below_zero:
        return f"check: {column.below_zero:,} below 0, which signed_columns allows"
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
