"""Seeded synthetic health-insurance claims with labelled fraud.

For: the project's committed sample data, its tests and its benchmarks (up to ten million claims, in chunks).
Codes, prices, patients and providers are made up to be plausible, and every honest claim obeys the tables below by
construction; `claims_fraud.claims.sample_fraud` then plants the fraud.
Not for: estimating real prices, real morbidity or real fraud rates; no real claim went into it.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from claims_fraud.claims.parameters import HistoryParameters
from claims_fraud.claims.sample_fraud import (
    ANY_SEX,
    FRAUD_KINDS,
    HONEST,
    BoolArray,
    CodingRules,
    FloatArray,
    IntArray,
    Limits,
    Market,
    next_working_day,
    patient_age,
    plant_fraud,
)
from claims_fraud.claims.windows import window_starts

DEFAULT_CLAIMS = 20_000
DEFAULT_SEED = 20240101
DEFAULT_FRAUD_RATE = 0.03
MIN_CLAIMS = 1_000
MIN_CHUNK = 2 * MIN_CLAIMS
MAX_FRAUD_RATE = 0.2
CHUNK_SIZE = 200_000
CLAIMS_FILE = "claims_train.parquet"
LABELS_FILE = "claim_labels.parquet"

PERIOD_START = np.datetime64("2024-01-01", "ns")
N_DAYS = 731
SECOND_HALF = 366
WEEKDAY_WEIGHTS = (1.15, 1.10, 1.05, 1.05, 1.00, 0.28, 0.20)
HOLIDAYS = (0, 185, 359, 366, 550, 724)
HOLIDAY_WEIGHT = 0.25
SEASONAL_SWING = 0.15
WINTER_PEAK_DAY = 20

# Neighbouring regions stand next to each other, the last beside the first.
REGIONS = ("Northeast", "Southeast", "Southwest", "West", "Mountain", "Midwest")
REGION_SHARES = (0.20, 0.24, 0.14, 0.20, 0.07, 0.15)
REGION_PRICES = (1.12, 0.93, 0.97, 1.15, 1.00, 0.94)

# Every age limit below is an edge, so that a band lies either inside or outside a limit.
AGE_BAND_EDGES = (0, 2, 6, 12, 16, 18, 30, 40, 45, 51, 65, 75, 121)
AGE_DECADE_SHARES = (0.11, 0.11, 0.12, 0.13, 0.13, 0.13, 0.13, 0.10, 0.04)
FEMALE_SHARE = 0.52

CLAIMS_PER_PATIENT = 5
CLAIMS_PER_PROVIDER = 50
VISIT_SPREAD = 0.8
CHRONIC_VISIT_FACTOR = 2.5
CHRONIC_DIAGNOSIS_BOOST = 9.0
CHRONIC_SPECIALTY_BOOST = 3.0
INDEX_VISIT_SHARE = 0.7
SAME_DAY_SHARE = 0.22
FOLLOW_UP_GAPS = (2, 3, 5, 7, 7, 14, 14, 21, 28, 28, 42, 56, 84)
REGULAR_PROVIDER_SHARE = 0.85
HOME_REGION_SHARE = 0.93
NEIGHBOUR_REGION_SHARE = 0.05
PROVIDER_PRICE_SPREAD = 0.08
COMPONENT_WEIGHT = 0.12
LEVEL_MATCH = (1.0, 0.4, 0.08)

TELEHEALTH_PROCEDURES = ("99212", "99213", "99214", "90832", "90834", "90837")
TELEHEALTH_SHARE = 0.12
TELEHEALTH_PRICE = 0.88

DRIFT_INFLATION = 0.18
DRIFT_TELEHEALTH = 0.35
DRIFT_OLDER = 0.6
DRIFT_NEW_CODE = 0.35
NEW_CODE = "G0556"
NEW_CODE_REPLACES = ("99213", "99214")
NEW_CODE_PRICE = 74.0

MISSING_DIAGNOSIS = 0.015
MISSING_EXPERIENCE = 0.02
MISSING_REGION = 0.01
MISSING_DURATION = 0.008
MISSING_DURATION_TELEHEALTH = 0.3


class Procedure(NamedTuple):
    """A billable procedure: price in dollars, typical days, limits; `groups` empty fits every diagnosis."""

    code: str
    price: float
    groups: str = ""
    setting: str = "professional"
    days: int = 1
    level: int | None = None
    sex: str = ""
    low: int = 0
    high: int = 120
    sigma: float = 0.22


class Diagnosis(NamedTuple):
    """A diagnosis: its group, severity from 0 (minor) to 2 (severe), frequency weight in the group, limits."""

    code: str
    group: str
    severity: int
    weight: float
    sex: str = ""
    low: int = 0
    high: int = 120


class Specialty(NamedTuple):
    """A specialty: demand by children, adults and seniors; diagnosis groups and procedures as `name:weight` words."""

    name: str
    demand: tuple[float, float, float]
    groups: str
    procedures: str


class Condition(NamedTuple):
    """A chronic condition: its diagnosis and its prevalence below 18, below 45, below 65 and from 65 years on."""

    code: str
    prevalence: tuple[float, float, float, float]


PROCEDURES = (
    Procedure("99212", 58, level=0, sigma=0.16),
    Procedure("99213", 94, level=0, sigma=0.16),
    Procedure("99214", 134, level=1, sigma=0.16),
    Procedure("99215", 188, level=2, sigma=0.18),
    Procedure("99203", 116, level=0, sigma=0.16),
    Procedure("99204", 173, level=1, sigma=0.16),
    Procedure("99205", 228, level=2, sigma=0.18),
    Procedure("99221", 620, "", "inpatient", 2, 0, sigma=0.25),
    Procedure("99222", 1450, "", "inpatient", 3, 1, sigma=0.28),
    Procedure("99223", 2900, "", "inpatient", 5, 2, sigma=0.30),
    Procedure("99282", 210, "", "emergency", 1, 0),
    Procedure("99283", 380, "", "emergency", 1, 0),
    Procedure("99284", 640, "", "emergency", 1, 1, sigma=0.26),
    Procedure("99285", 980, "", "emergency", 1, 2, sigma=0.28),
    Procedure("99395", 152, "preventive", low=18, high=39, sigma=0.15),
    Procedure("99396", 164, "preventive", low=40, sigma=0.15),
    Procedure("99392", 128, "well_child", high=5, sigma=0.15),
    Procedure("99394", 139, "well_child", low=6, high=17, sigma=0.15),
    Procedure("90460", 29, "well_child", high=17, sigma=0.15),
    Procedure("36415", 9, "metabolic cardiovascular oncologic digestive preventive pregnancy", sigma=0.15),
    Procedure("80053", 16, "metabolic cardiovascular digestive urologic preventive", "laboratory", sigma=0.18),
    Procedure("80061", 22, "metabolic cardiovascular preventive", "laboratory", sigma=0.18),
    Procedure("82465", 9, "metabolic cardiovascular preventive", "laboratory", sigma=0.18),
    Procedure("83718", 12, "metabolic cardiovascular preventive", "laboratory", sigma=0.18),
    Procedure("84478", 10, "metabolic cardiovascular preventive", "laboratory", sigma=0.18),
    Procedure("83721", 13, "metabolic cardiovascular preventive", "laboratory", sigma=0.18),
    Procedure("83036", 14, "metabolic", "laboratory", sigma=0.18),
    Procedure("84443", 24, "metabolic", "laboratory", sigma=0.18),
    Procedure("85025", 13, "oncologic respiratory digestive preventive pregnancy injury", "laboratory", sigma=0.18),
    Procedure("87880", 19, "respiratory", "laboratory", sigma=0.18),
    Procedure("81001", 8, "urologic pregnancy gynecologic", "laboratory", sigma=0.18),
    Procedure("84153", 27, "prostate", "laboratory", sex="M", low=45, sigma=0.18),
    Procedure("88305", 78, "skin digestive oncologic prostate gynecologic", "laboratory", sigma=0.20),
    Procedure("93000", 26, "cardiovascular", sigma=0.18),
    Procedure("93306", 330, "cardiovascular", "outpatient", level=1),
    Procedure("93308", 165, "cardiovascular", "outpatient", level=0),
    Procedure("93320", 98, "cardiovascular", "outpatient"),
    Procedure("93325", 74, "cardiovascular", "outpatient"),
    Procedure("93458", 3900, "cardiovascular", "outpatient", 1, 2, low=40, sigma=0.30),
    Procedure("92928", 14800, "cardiovascular", "inpatient", 2, 2, low=40, sigma=0.32),
    Procedure("94010", 48, "respiratory chest"),
    Procedure("95810", 740, "chest neurologic", "outpatient", low=18, sigma=0.26),
    Procedure("71046", 62, "respiratory chest cardiovascular injury", "outpatient"),
    Procedure("70450", 235, "neurologic injury", "outpatient", level=0, sigma=0.28),
    Procedure("70470", 385, "neurologic injury", "outpatient", level=2, sigma=0.28),
    Procedure("74177", 410, "digestive oncologic urologic", "outpatient", sigma=0.28),
    Procedure("73721", 420, "joint", "outpatient", level=0, sigma=0.30),
    Procedure("73723", 690, "joint", "outpatient", level=2, sigma=0.30),
    Procedure("73562", 54, "joint injury", "outpatient"),
    Procedure("72148", 440, "back", "outpatient", sigma=0.30),
    Procedure("77067", 184, "breast_screening", "outpatient", sex="F", low=40),
    Procedure("76830", 168, "gynecologic pregnancy", "outpatient", sex="F", low=16),
    Procedure("76815", 112, "pregnancy", "outpatient", level=0, sex="F", low=16, high=50),
    Procedure("76805", 196, "pregnancy", "outpatient", level=1, sex="F", low=16, high=50),
    Procedure("59400", 3700, "delivery", "inpatient", 2, 1, sex="F", low=16, high=50, sigma=0.25),
    Procedure("59409", 2150, "delivery", "inpatient", 2, 1, sex="F", low=16, high=50, sigma=0.25),
    Procedure("59510", 5200, "delivery", "inpatient", 4, 2, sex="F", low=16, high=50, sigma=0.26),
    Procedure("59425", 690, "pregnancy delivery", sex="F", low=16, high=50),
    Procedure("59430", 245, "pregnancy delivery", sex="F", low=16, high=50),
    Procedure("88175", 34, "gynecologic", "laboratory", sex="F", low=18, sigma=0.18),
    Procedure("97161", 98, "back joint injury", level=0, sigma=0.16),
    Procedure("97162", 112, "back joint injury", level=1, sigma=0.16),
    Procedure("97163", 129, "back joint injury", level=2, sigma=0.16),
    Procedure("97110", 62, "back joint injury neurologic", sigma=0.18),
    Procedure("97140", 56, "back joint injury", sigma=0.18),
    Procedure("20610", 88, "joint", low=18),
    Procedure("29881", 3500, "joint", "outpatient", 1, 1, low=12, sigma=0.28),
    Procedure("29870", 1550, "joint", "outpatient", 1, 0, low=12, sigma=0.28),
    Procedure("29874", 1780, "joint", "outpatient", 1, 0, low=12, sigma=0.28),
    Procedure("29875", 1690, "joint", "outpatient", 1, 0, low=12, sigma=0.28),
    Procedure("29877", 1820, "joint", "outpatient", 1, 1, low=12, sigma=0.28),
    Procedure("27447", 17500, "joint", "inpatient", 3, 2, low=45, sigma=0.28),
    Procedure("11102", 108, "skin", level=1),
    Procedure("11402", 275, "skin", "outpatient", level=1),
    Procedure("12001", 145, "skin injury"),
    Procedure("17000", 76, "skin", level=0),
    Procedure("17110", 118, "skin", level=0),
    Procedure("95886", 128, "neurologic", level=1, low=18),
    Procedure("90791", 172, "mental", sigma=0.16),
    Procedure("90832", 78, "mental", level=0, sigma=0.16),
    Procedure("90834", 108, "mental", level=1, sigma=0.16),
    Procedure("90837", 156, "mental", level=2, sigma=0.16),
    Procedure("43235", 430, "digestive", "outpatient", level=0, sigma=0.28),
    Procedure("43239", 560, "digestive", "outpatient", level=1, sigma=0.28),
    Procedure("45378", 590, "digestive colon_screening", "outpatient", level=0, low=18, sigma=0.28),
    Procedure("45380", 720, "digestive colon_screening", "outpatient", level=1, low=18, sigma=0.28),
    Procedure("45382", 790, "digestive colon_screening", "outpatient", level=2, low=18, sigma=0.28),
    Procedure("45385", 930, "digestive colon_screening", "outpatient", level=2, low=18, sigma=0.28),
    Procedure("52000", 290, "urologic prostate", "outpatient", low=18),
    Procedure("55700", 640, "prostate", "outpatient", level=2, sex="M", low=45, sigma=0.28),
    Procedure("92012", 88, "eye", level=0, sigma=0.16),
    Procedure("92014", 128, "eye", level=1, sigma=0.16),
    Procedure("92134", 44, "eye", level=1),
    Procedure("66984", 2250, "cataract", "outpatient", 1, 1, low=51, sigma=0.25),
    Procedure("96413", 690, "oncologic", "outpatient", 1, 2, low=18, sigma=0.30),
)

LEVEL_FAMILIES = (
    ("99212", "99213", "99214", "99215"),
    ("99203", "99204", "99205"),
    ("99221", "99222", "99223"),
    ("99282", "99283", "99284", "99285"),
    ("97161", "97162", "97163"),
    ("90832", "90834", "90837"),
    ("45378", "45380", "45385"),
    ("43235", "43239"),
    ("93308", "93306"),
    ("70450", "70470"),
    ("73721", "73723"),
    ("76815", "76805"),
    ("92012", "92014"),
    ("17000", "11102", "11402"),
)

BUNDLES = {
    "80061": ("82465", "83718", "84478", "83721"),
    "93306": ("93308", "93320", "93325", "93000"),
    "45385": ("45380", "45382", "45378", "88305"),
    "29881": ("29877", "29875", "29870", "29874"),
    "11402": ("11102", "12001", "88305", "17000"),
    "59400": ("59409", "59425", "59430", "76815"),
}

DIAGNOSES = (
    Diagnosis("J06.9", "respiratory", 0, 10),
    Diagnosis("J02.9", "respiratory", 0, 5),
    Diagnosis("J01.90", "respiratory", 0, 3),
    Diagnosis("J30.9", "respiratory", 0, 4),
    Diagnosis("R05.9", "respiratory", 0, 4),
    Diagnosis("J20.9", "respiratory", 1, 4),
    Diagnosis("J18.9", "respiratory", 2, 1.5),
    Diagnosis("J21.9", "respiratory", 1, 4, high=1),
    Diagnosis("J45.909", "chest", 1, 5),
    Diagnosis("R06.02", "chest", 1, 3),
    Diagnosis("J44.9", "chest", 1, 4, low=40),
    Diagnosis("J44.1", "chest", 2, 1.5, low=40),
    Diagnosis("G47.33", "chest", 0, 4, low=18),
    Diagnosis("I10", "cardiovascular", 0, 14, low=18),
    Diagnosis("R07.9", "cardiovascular", 1, 5, low=12),
    Diagnosis("R00.2", "cardiovascular", 0, 4),
    Diagnosis("I25.10", "cardiovascular", 1, 5, low=40),
    Diagnosis("I48.91", "cardiovascular", 1, 4, low=40),
    Diagnosis("I50.9", "cardiovascular", 2, 2.5, low=40),
    Diagnosis("I21.4", "cardiovascular", 2, 0.8, low=40),
    Diagnosis("E11.9", "metabolic", 0, 9, low=18),
    Diagnosis("E11.65", "metabolic", 1, 4, low=18),
    Diagnosis("E11.22", "metabolic", 2, 1.5, low=30),
    Diagnosis("E10.9", "metabolic", 1, 1.5),
    Diagnosis("E78.5", "metabolic", 0, 9, low=18),
    Diagnosis("E03.9", "metabolic", 0, 5, low=12),
    Diagnosis("E66.9", "metabolic", 0, 3),
    Diagnosis("M54.50", "back", 0, 9, low=12),
    Diagnosis("M54.2", "back", 0, 4, low=12),
    Diagnosis("M54.16", "back", 1, 3, low=18),
    Diagnosis("M48.061", "back", 2, 1.5, low=45),
    Diagnosis("M25.561", "joint", 0, 6),
    Diagnosis("M25.511", "joint", 0, 4, low=12),
    Diagnosis("M17.11", "joint", 1, 5, low=40),
    Diagnosis("M16.11", "joint", 2, 2, low=45),
    Diagnosis("S83.241A", "joint", 1, 2, low=12),
    Diagnosis("S93.401A", "injury", 0, 5),
    Diagnosis("S01.81XA", "injury", 0, 4),
    Diagnosis("S06.0X0A", "injury", 1, 2),
    Diagnosis("S52.501A", "injury", 1, 2.5),
    Diagnosis("S72.001A", "injury", 2, 0.8, low=65),
    Diagnosis("T78.40XA", "injury", 1, 1.5),
    Diagnosis("T14.90XA", "injury", 2, 0.8),
    Diagnosis("L70.0", "skin", 0, 5, low=12, high=50),
    Diagnosis("L20.9", "skin", 0, 4),
    Diagnosis("B07.9", "skin", 0, 4),
    Diagnosis("R21", "skin", 0, 4),
    Diagnosis("L57.0", "skin", 0, 6, low=45),
    Diagnosis("D22.9", "skin", 1, 4, low=12),
    Diagnosis("L40.0", "skin", 1, 2, low=12),
    Diagnosis("L03.90", "skin", 1, 2),
    Diagnosis("C44.91", "skin", 2, 2, low=40),
    Diagnosis("R51.9", "neurologic", 0, 5),
    Diagnosis("G43.909", "neurologic", 0, 5, low=12),
    Diagnosis("R42", "neurologic", 0, 4, low=18),
    Diagnosis("G56.01", "neurologic", 1, 3, low=18),
    Diagnosis("G40.909", "neurologic", 1, 2),
    Diagnosis("G35", "neurologic", 2, 1, low=18),
    Diagnosis("G20.A1", "neurologic", 2, 1.2, low=51),
    Diagnosis("G30.9", "neurologic", 2, 1.5, low=65),
    Diagnosis("I63.9", "neurologic", 2, 1, low=40),
    Diagnosis("F41.1", "mental", 0, 7, low=12),
    Diagnosis("F43.23", "mental", 0, 4),
    Diagnosis("F51.01", "mental", 0, 2, low=18),
    Diagnosis("F90.2", "mental", 0, 4, low=6),
    Diagnosis("F32.1", "mental", 1, 5, low=12),
    Diagnosis("F33.1", "mental", 1, 5, low=18),
    Diagnosis("F10.20", "mental", 2, 1.5, low=18),
    Diagnosis("F31.9", "mental", 2, 1.5, low=18),
    Diagnosis("F20.9", "mental", 2, 0.8, low=18),
    Diagnosis("K21.9", "digestive", 0, 7),
    Diagnosis("R10.9", "digestive", 0, 6),
    Diagnosis("A09", "digestive", 0, 4),
    Diagnosis("K29.70", "digestive", 0, 3, low=12),
    Diagnosis("K58.9", "digestive", 0, 2.5, low=18),
    Diagnosis("K57.30", "digestive", 1, 3, low=40),
    Diagnosis("K63.5", "digestive", 2, 2.5, low=40),
    Diagnosis("K80.20", "digestive", 1, 1.5, low=18),
    Diagnosis("K92.1", "digestive", 2, 1, low=18),
    Diagnosis("K35.80", "digestive", 2, 0.6),
    Diagnosis("Z12.11", "colon_screening", 0, 4, low=45),
    Diagnosis("Z86.010", "colon_screening", 1, 2, low=45),
    Diagnosis("N39.0", "urologic", 0, 6),
    Diagnosis("N20.0", "urologic", 1, 3, low=18),
    Diagnosis("R31.9", "urologic", 1, 2.5, low=18),
    Diagnosis("N18.3", "urologic", 2, 2, low=40),
    Diagnosis("N52.9", "urologic", 0, 1.5, sex="M", low=30),
    Diagnosis("N40.1", "prostate", 1, 5, sex="M", low=45),
    Diagnosis("Z12.5", "prostate", 0, 4, sex="M", low=45),
    Diagnosis("R97.20", "prostate", 1, 1.5, sex="M", low=45),
    Diagnosis("C61", "prostate", 2, 1.5, sex="M", low=45),
    Diagnosis("Z34.90", "pregnancy", 0, 8, sex="F", low=16, high=50),
    Diagnosis("O21.0", "pregnancy", 0, 2, sex="F", low=16, high=50),
    Diagnosis("O09.891", "pregnancy", 1, 2, sex="F", low=16, high=50),
    Diagnosis("O24.410", "pregnancy", 1, 1.5, sex="F", low=16, high=50),
    Diagnosis("O80", "delivery", 1, 3, sex="F", low=16, high=50),
    Diagnosis("O34.211", "delivery", 2, 1.2, sex="F", low=16, high=50),
    Diagnosis("Z01.419", "gynecologic", 0, 6, sex="F", low=18),
    Diagnosis("N92.0", "gynecologic", 0, 3, sex="F", low=12, high=50),
    Diagnosis("N76.0", "gynecologic", 0, 2.5, sex="F", low=16),
    Diagnosis("N95.1", "gynecologic", 0, 3, sex="F", low=45),
    Diagnosis("N83.20", "gynecologic", 1, 1.5, sex="F", low=16),
    Diagnosis("D25.9", "gynecologic", 1, 1.5, sex="F", low=30),
    Diagnosis("Z12.31", "breast_screening", 0, 4, sex="F", low=40),
    Diagnosis("Z00.129", "well_child", 0, 9, high=17),
    Diagnosis("Z23", "well_child", 0, 4, high=17),
    Diagnosis("H66.90", "ear", 0, 6, high=17),
    Diagnosis("B08.4", "ear", 0, 1.5, high=11),
    Diagnosis("Z00.00", "preventive", 0, 9, low=18),
    Diagnosis("H52.13", "eye", 0, 5, low=6),
    Diagnosis("H10.9", "eye", 0, 3),
    Diagnosis("H40.9", "eye", 1, 3, low=40),
    Diagnosis("E11.319", "eye", 1, 1.5, low=18),
    Diagnosis("H35.31", "eye", 2, 1.5, low=65),
    Diagnosis("H25.9", "cataract", 1, 3, low=51),
    Diagnosis("D50.9", "oncologic", 0, 3),
    Diagnosis("D64.9", "oncologic", 0, 3),
    Diagnosis("C50.911", "oncologic", 2, 3, sex="F", low=30),
    Diagnosis("C34.90", "oncologic", 2, 2, low=40),
    Diagnosis("C18.9", "oncologic", 2, 2, low=40),
)

SPECIALTIES = (
    Specialty(
        "General Practice",
        (4, 24, 16),
        "respiratory:5 cardiovascular:4 metabolic:4 preventive:4 back:2 joint:1.5 skin:1 digestive:2 "
        "urologic:1 mental:1.5 neurologic:1",
        "99212:6 99213:26 99214:16 99215:3 99203:4 99204:2 99395:9 99396:9 80053:8 80061:6 83036:5 84443:3 "
        "85025:4 87880:4 81001:3 36415:6 93000:2 20610:0.6 17110:1 94010:0.6",
    ),
    Specialty(
        "Internal Medicine",
        (0, 14, 18),
        "cardiovascular:5 metabolic:5 respiratory:3 chest:2 preventive:3 digestive:2 urologic:1.5 back:1 oncologic:0.6",
        "99213:20 99214:20 99215:5 99203:3 99204:3 99396:6 99395:4 80053:8 80061:6 83036:5 84443:3 85025:4 "
        "36415:5 93000:3 99221:2 99222:2.5 99223:2",
    ),
    Specialty(
        "Pediatrics",
        (52, 0, 0),
        "well_child:6 respiratory:5 ear:3 skin:1.5 digestive:1 mental:0.6",
        "99212:7 99213:24 99214:9 99203:3 99392:14 99394:14 90460:14 87880:5 85025:1.5 81001:1",
    ),
    Specialty(
        "Obstetrics and Gynecology",
        (0.6, 20, 5),
        "pregnancy:4 delivery:0.8 gynecologic:4 breast_screening:0.6",
        "99213:14 99214:8 99203:3 99204:2 76815:5 76805:8 59400:6 59510:5 59425:2 59430:2 76830:6 88175:8 "
        "81001:4 85025:3 77067:4",
    ),
    Specialty(
        "Cardiology",
        (0.3, 5, 14),
        "cardiovascular:1",
        "99213:10 99214:14 99215:5 99204:3 99205:2 93000:14 93306:14 93308:3 93458:1.6 92928:0.9 80061:4 "
        "80053:3 99222:1.5 99223:1.5",
    ),
    Specialty(
        "Orthopedic Surgery",
        (1.5, 7, 9),
        "joint:5 back:2 injury:2",
        "99213:16 99214:9 99203:7 99204:3 73562:9 73721:4 73723:1.2 20610:7 29881:4 27447:2 97161:1 97162:1",
    ),
    Specialty(
        "Dermatology",
        (2, 8, 8),
        "skin:1",
        "99212:7 99213:20 99214:7 99203:6 17000:9 17110:8 11102:9 11402:9 88305:6",
    ),
    Specialty(
        "Neurology",
        (0.8, 4.5, 7),
        "neurologic:6 back:1",
        "99213:11 99214:14 99215:6 99204:4 99205:3 95886:5 70450:3 70470:1.2 72148:2",
    ),
    Specialty(
        "Psychiatry",
        (2.5, 9, 3),
        "mental:1",
        "99213:8 99214:9 99215:2 90791:5 90832:8 90834:14 90837:10 99222:0.8",
    ),
    Specialty(
        "Gastroenterology",
        (0.4, 5, 6.5),
        "digestive:5 colon_screening:3",
        "99213:11 99214:10 99204:4 43235:4 43239:6 45378:8 45380:6 45385:5 74177:2 88305:4 80053:3 99222:1",
    ),
    Specialty(
        "Urology",
        (0.4, 3.5, 7),
        "urologic:3 prostate:4",
        "99213:12 99214:9 99204:3 81001:8 84153:7 52000:5 55700:2 74177:2",
    ),
    Specialty(
        "Ophthalmology",
        (1.5, 4, 11),
        "eye:5 cataract:1.6",
        "92012:12 92014:16 92134:9 66984:7 99203:2 99213:3",
    ),
    Specialty(
        "Pulmonology",
        (0.8, 3, 6),
        "chest:5 respiratory:1",
        "99213:9 99214:12 99215:4 99204:3 94010:9 71046:6 95810:3 99222:1.2 99223:1",
    ),
    Specialty(
        "Oncology",
        (0.2, 3, 6),
        "oncologic:1",
        "99213:7 99214:12 99215:8 99205:2 96413:10 85025:12 36415:6 74177:3 99223:1.5",
    ),
    Specialty(
        "Endocrinology",
        (0.5, 4, 5),
        "metabolic:1",
        "99213:10 99214:15 99215:4 99204:3 83036:9 84443:6 80053:5 80061:4",
    ),
    Specialty(
        "Emergency Medicine",
        (6, 11, 10),
        "injury:6 respiratory:3 cardiovascular:2.5 digestive:2.5 neurologic:1.5 chest:1 urologic:1 mental:0.6",
        "99282:7 99283:17 99284:16 99285:8 71046:4 70450:3 12001:3 93000:3 80053:4 85025:3 74177:1.6 99222:1 99223:1.5",
    ),
    Specialty(
        "Radiology",
        (1.5, 9, 11),
        "injury:2 joint:3 back:2 chest:2 neurologic:2 digestive:1.2 breast_screening:4 oncologic:1 pregnancy:0.5",
        "71046:10 70450:4 70470:1.5 74177:4 73721:5 73723:1.6 73562:7 72148:5 77067:10 76805:2 76815:1.5",
    ),
    Specialty(
        "Physical Therapy",
        (1, 9, 9),
        "back:4 joint:4 injury:1.5 neurologic:0.5",
        "97161:4 97162:4 97163:1.5 97110:26 97140:14",
    ),
)
EMERGENCY = "Emergency Medicine"
EMERGENCY_WEEKEND_FACTOR = 6.0
NEW_CODE_SPECIALTIES = ("General Practice", "Internal Medicine")

CONDITIONS = (
    Condition("I10", (0, 0.05, 0.18, 0.24)),
    Condition("E11.9", (0, 0.03, 0.10, 0.14)),
    Condition("J45.909", (0.08, 0.05, 0.04, 0.03)),
    Condition("F33.1", (0, 0.06, 0.06, 0.03)),
    Condition("F90.2", (0.05, 0.01, 0, 0)),
    Condition("M54.50", (0, 0.05, 0.08, 0.08)),
    Condition("M17.11", (0, 0, 0.05, 0.09)),
    Condition("J44.9", (0, 0, 0.04, 0.07)),
    Condition("I25.10", (0, 0, 0.05, 0.10)),
    Condition("E03.9", (0, 0.03, 0.04, 0.04)),
    Condition("N18.3", (0, 0, 0.02, 0.05)),
)


@dataclass(frozen=True)
class _Sampler:
    """Draws column indices from many weight rows at once; row r occupies (r, r + 1] of one flat cumulative sum."""

    cumulative: FloatArray
    width: int

    def draw(self, row: IntArray, rng: np.random.Generator) -> IntArray:
        uniform = rng.random(len(row)) * (1 - 1e-9)
        position = np.searchsorted(self.cumulative, row + uniform, side="right")
        return np.asarray(position - row * self.width, dtype=np.int64)


def _sampler(weights: FloatArray) -> _Sampler:
    # Rows without any weight are never asked for; the floor keeps them from dividing by zero.
    cumulative = np.cumsum(weights, axis=1)
    cumulative /= np.maximum(cumulative[:, -1:], 1e-300)
    return _Sampler((cumulative + np.arange(len(weights))[:, None]).ravel(), weights.shape[1])


@dataclass(frozen=True)
class _CodeBook:
    """The tables above as arrays, with samplers for specialty, diagnosis and procedure."""

    rules: CodingRules
    specialty: _Sampler
    diagnosis: _Sampler
    procedure: _Sampler
    procedure_row: IntArray


def _weights(words: str) -> dict[str, float]:
    pairs = (word.split(":") for word in words.split())
    return {name: float(weight) for name, weight in pairs}


def _index(codes: tuple[str, ...]) -> dict[str, int]:
    return {code: position for position, code in enumerate(codes)}


PROCEDURE_CODES = tuple(procedure.code for procedure in PROCEDURES)
DIAGNOSIS_CODES = tuple(diagnosis.code for diagnosis in DIAGNOSES)
SPECIALTY_NAMES = tuple(specialty.name for specialty in SPECIALTIES)
PROCEDURE_INDEX = _index(PROCEDURE_CODES)
DIAGNOSIS_INDEX = _index(DIAGNOSIS_CODES)
N_BANDS = len(AGE_BAND_EDGES) - 1


def _limits(table: tuple[Procedure, ...] | tuple[Diagnosis, ...]) -> Limits:
    sex = {"": ANY_SEX, "F": 1, "M": 0}
    return Limits(
        np.array([sex[item.sex] for item in table], dtype=np.int64),
        np.array([item.low for item in table], dtype=np.int64),
        np.array([item.high for item in table], dtype=np.int64),
    )


def _segment_fits(limits: Limits) -> FloatArray:
    """Shape (codes, segments) of 0 and 1; segment = sex * bands + band, female second."""
    edges = np.array(AGE_BAND_EDGES)
    female = np.repeat([0, 1], N_BANDS)
    youngest, oldest = np.tile(edges[:-1], 2), np.tile(edges[1:] - 1, 2)
    code = np.arange(len(limits.sex))[:, None]
    return (limits.permit(code, female, youngest) & limits.permit(code, female, oldest)).astype(np.float64)


def _segment(population: pd.DataFrame, patient: IntArray, day: IntArray) -> IntArray:
    age = patient_age(population, patient, day)
    band = np.searchsorted(AGE_BAND_EDGES, age, side="right") - 1
    return np.asarray(population["female"].to_numpy()[patient] * N_BANDS + band, dtype=np.int64)


def _procedure_weights() -> FloatArray:
    """Shape (specialties, procedures); whoever does a bundled procedure now and then does its parts alone."""
    weights = np.zeros((len(SPECIALTIES), len(PROCEDURES)))
    for row, specialty in zip(weights, SPECIALTIES, strict=True):
        listed = _weights(specialty.procedures)
        for code, weight in listed.items():
            row[PROCEDURE_INDEX[code]] = weight
            for part in BUNDLES.get(code, ()):
                if part not in listed:
                    row[PROCEDURE_INDEX[part]] = weight * COMPONENT_WEIGHT
    return weights


def _diagnosis_weights() -> FloatArray:
    """Shape (specialties, diagnoses)."""
    totals: dict[str, float] = {}
    for diagnosis in DIAGNOSES:
        totals[diagnosis.group] = totals.get(diagnosis.group, 0.0) + diagnosis.weight
    shares = [_weights(specialty.groups) for specialty in SPECIALTIES]
    return np.array([[share.get(d.group, 0.0) * d.weight / totals[d.group] for d in DIAGNOSES] for share in shares])


def _compatibility() -> FloatArray:
    """Shape (diagnoses, procedures): 0 for other groups and minor inpatients, below 1 if level and severity differ."""
    severity = np.array([d.severity for d in DIAGNOSES])[:, None]
    level = np.array([-1 if p.level is None else p.level for p in PROCEDURES])
    match = np.where(level < 0, 1.0, np.array(LEVEL_MATCH)[np.abs(severity - np.maximum(level, 0))])
    meets = [
        [
            (not p.groups or d.group in p.groups.split()) and (p.setting != "inpatient" or d.severity > 0)
            for p in PROCEDURES
        ]
        for d in DIAGNOSES
    ]
    return np.asarray(match * np.array(meets, dtype=np.float64))


def _next_level() -> IntArray:
    following = np.full(len(PROCEDURES), -1, dtype=np.int64)
    for family in LEVEL_FAMILIES:
        for lower, higher in itertools.pairwise(family):
            following[PROCEDURE_INDEX[lower]] = PROCEDURE_INDEX[higher]
    return following


def _components() -> IntArray:
    parts = np.full((len(PROCEDURES), 4), -1, dtype=np.int64)
    for bundle, codes in BUNDLES.items():
        parts[PROCEDURE_INDEX[bundle]] = [PROCEDURE_INDEX[code] for code in codes]
    return parts


def _coding_rules() -> CodingRules:
    return CodingRules(
        procedure_limits=_limits(PROCEDURES),
        diagnosis_limits=_limits(DIAGNOSES),
        next_level=_next_level(),
        severity=np.array([diagnosis.severity for diagnosis in DIAGNOSES], dtype=np.int64),
        components=_components(),
        performed=_procedure_weights() > 0,
        general=np.array([not p.groups or p.setting == "laboratory" for p in PROCEDURES], dtype=np.bool_),
    )


def _chronic_boosts() -> tuple[FloatArray, FloatArray]:
    """Factors of shapes (conditions + 1, diagnoses) and (conditions + 1, specialties); row 0 is no condition."""
    diagnosis = np.ones((len(CONDITIONS) + 1, len(DIAGNOSES)))
    specialty = np.ones((len(CONDITIONS) + 1, len(SPECIALTIES)))
    for row, condition in enumerate(CONDITIONS, start=1):
        code = DIAGNOSIS_INDEX[condition.code]
        diagnosis[row, code] = CHRONIC_DIAGNOSIS_BOOST
        treats = [DIAGNOSES[code].group in _weights(s.groups) and s.name != EMERGENCY for s in SPECIALTIES]
        specialty[row, treats] = CHRONIC_SPECIALTY_BOOST
    return diagnosis, specialty


def _specialty_weights(possible: FloatArray, chronic: FloatArray) -> FloatArray:
    """Rows by segment, condition and weekend, from (specialties, segments) and (conditions, specialties)."""
    band_start = np.tile(AGE_BAND_EDGES[:-1], 2)
    age_class = (band_start >= 18).astype(int) + (band_start >= 65)
    demand = np.array([s.demand for s in SPECIALTIES])[:, age_class] * (possible > 0)
    weekend = np.ones((2, len(SPECIALTIES)))
    weekend[1, SPECIALTY_NAMES.index(EMERGENCY)] = EMERGENCY_WEEKEND_FACTOR
    weights = np.einsum("sg,cs,ws->gcws", demand, chronic, weekend)
    return np.asarray(weights.reshape(-1, len(SPECIALTIES)), dtype=np.float64)


@functools.cache
def _code_book() -> _CodeBook:
    rules = _coding_rules()
    diagnosis_weights = _diagnosis_weights()
    specialty, diagnosis = np.nonzero(diagnosis_weights)
    fitting = _procedure_weights()[specialty] * _compatibility()[diagnosis]
    procedure_weights = fitting[:, None, :] * _segment_fits(rules.procedure_limits).T[None]
    pair = np.full(diagnosis_weights.shape, -1, dtype=np.int64)
    pair[specialty, diagnosis] = np.arange(len(specialty))
    n_segments = 2 * N_BANDS
    treatable = np.zeros((*diagnosis_weights.shape, n_segments))
    treatable[specialty, diagnosis] = procedure_weights.sum(axis=2) > 0
    available = diagnosis_weights[..., None] * treatable * _segment_fits(rules.diagnosis_limits)
    chronic_diagnosis, chronic_specialty = _chronic_boosts()
    diagnosis_rows = np.einsum("sdg,cd->sgcd", available, chronic_diagnosis).reshape(-1, len(DIAGNOSES))
    return _CodeBook(
        rules,
        _sampler(_specialty_weights(available.sum(axis=1), chronic_specialty)),
        _sampler(diagnosis_rows),
        _sampler(procedure_weights.reshape(-1, len(PROCEDURES))),
        pair,
    )


def _draw_specialty(segment: IntArray, chronic: IntArray, weekend: IntArray, rng: np.random.Generator) -> IntArray:
    row = (segment * (len(CONDITIONS) + 1) + chronic) * 2 + weekend
    return _code_book().specialty.draw(row, rng)


def _draw_diagnosis(specialty: IntArray, segment: IntArray, chronic: IntArray, rng: np.random.Generator) -> IntArray:
    row = (specialty * 2 * N_BANDS + segment) * (len(CONDITIONS) + 1) + chronic
    return _code_book().diagnosis.draw(row, rng)


def _draw_procedure(specialty: IntArray, diagnosis: IntArray, segment: IntArray, rng: np.random.Generator) -> IntArray:
    row = _code_book().procedure_row[specialty, diagnosis] * 2 * N_BANDS + segment
    return _code_book().procedure.draw(row, rng)


def _population(n_patients: int, rng: np.random.Generator) -> pd.DataFrame:
    """One row a patient; `chronic` is 0 or 1 + the index of the condition, `habit` places the regular providers."""
    decade = _sampler(np.array([AGE_DECADE_SHARES])).draw(np.zeros(n_patients, dtype=np.int64), rng)
    age = 10 * (decade + rng.random(n_patients))
    age_class = np.searchsorted([18, 45, 65], age, side="right")
    prevalence = np.array([condition.prevalence for condition in CONDITIONS]).T
    healthy = 1 - prevalence.sum(axis=1, keepdims=True)
    chronic = _sampler(np.hstack([healthy, prevalence])).draw(age_class, rng)
    use = np.array([0.9, 0.7, 1.0, 1.6])[age_class] * np.where(chronic > 0, CHRONIC_VISIT_FACTOR, 1.0)
    return pd.DataFrame(
        {
            "birth": -np.ceil(age * 365.25).astype(np.int64),
            "female": (rng.random(n_patients) < FEMALE_SHARE).astype(np.int64),
            "region": _sampler(np.array([REGION_SHARES])).draw(np.zeros(n_patients, dtype=np.int64), rng),
            "chronic": chronic,
            "visits": use * np.exp(VISIT_SPREAD * rng.standard_normal(n_patients)),
            "habit": rng.random(n_patients),
        }
    )


def _providers(n_claims: int, rng: np.random.Generator) -> pd.DataFrame:
    """One row a provider, sorted by specialty and region, at least one in each cell; experience at the start."""
    demand = np.array([s.demand for s in SPECIALTIES]) @ np.array([0.2, 0.55, 0.25])
    cells = np.outer(demand / demand.sum(), REGION_SHARES).ravel() * n_claims / CLAIMS_PER_PROVIDER
    cell = np.repeat(np.arange(len(cells)), np.maximum(1, np.rint(cells).astype(np.int64)))
    n = len(cell)
    return pd.DataFrame(
        {
            "specialty": cell // len(REGIONS),
            "region": cell % len(REGIONS),
            "price": np.exp(PROVIDER_PRICE_SPREAD * rng.standard_normal(n)),
            "experience": np.floor(1 + 20 * (rng.random(n) + rng.random(n))),
        }
    )


def _day_weights() -> FloatArray:
    day = np.arange(N_DAYS)
    season = 1 + SEASONAL_SWING * np.cos(2 * np.pi * (day - WINTER_PEAK_DAY) / 365.25)
    weights = np.array(WEEKDAY_WEIGHTS)[day % 7] * season
    weights[list(HOLIDAYS)] *= HOLIDAY_WEIGHT
    return np.asarray(weights, dtype=np.float64)


def _visiting_patient(population: pd.DataFrame, day: IntArray, drift: float, rng: np.random.Generator) -> IntArray:
    sampler = _sampler(population["visits"].to_numpy()[None])
    first, second = (sampler.draw(np.zeros(len(day), dtype=np.int64), rng) for _ in range(2))
    birth = population["birth"].to_numpy()
    ageing = (day >= SECOND_HALF) & (rng.random(len(day)) < DRIFT_OLDER * drift)
    return np.where(ageing & (birth[second] < birth[first]), second, first)


def _care_region(home: IntArray, rng: np.random.Generator) -> IntArray:
    """Mostly the home region, sometimes one beside it, rarely any other."""
    uniform = rng.random(len(home))
    beside = rng.integers(0, 2, size=len(home)) * 2 - 1
    anywhere = rng.integers(0, len(REGIONS), size=len(home))
    step = np.where(uniform < HOME_REGION_SHARE + NEIGHBOUR_REGION_SHARE, beside, anywhere)
    return np.where(uniform < HOME_REGION_SHARE, home, (home + step) % len(REGIONS))


def _choose_provider(
    providers: pd.DataFrame, habit: FloatArray, specialty: IntArray, region: IntArray, rng: np.random.Generator
) -> IntArray:
    """Take the patient's regular provider of the specialty, or now and then another one of the same region."""
    cell = providers["specialty"].to_numpy() * len(REGIONS) + providers["region"].to_numpy()
    count = np.bincount(cell, minlength=len(SPECIALTIES) * len(REGIONS))
    start = np.cumsum(count) - count
    regular = (habit + 0.618034 * specialty) % 1.0
    other = rng.random(len(specialty))
    place = np.where(rng.random(len(specialty)) < REGULAR_PROVIDER_SHARE, regular, other) ** 1.4
    wanted = specialty * len(REGIONS) + region
    return np.asarray(start[wanted] + np.floor(place * count[wanted]), dtype=np.int64)


def _index_visits(
    n: int, population: pd.DataFrame, providers: pd.DataFrame, drift: float, rng: np.random.Generator
) -> pd.DataFrame:
    day = _sampler(_day_weights()[None]).draw(np.zeros(n, dtype=np.int64), rng)
    patient = _visiting_patient(population, day, drift, rng)
    segment = _segment(population, patient, day)
    chronic = population["chronic"].to_numpy()[patient]
    specialty = _draw_specialty(segment, chronic, (day % 7 >= 5).astype(np.int64), rng)
    diagnosis = _draw_diagnosis(specialty, segment, chronic, rng)
    region = _care_region(population["region"].to_numpy()[patient], rng)
    habit = population["habit"].to_numpy()[patient]
    return pd.DataFrame(
        {
            "patient": patient,
            "provider": _choose_provider(providers, habit, specialty, region, rng),
            "specialty": specialty,
            "day": day,
            "diagnosis": diagnosis,
            "procedure": _draw_procedure(specialty, diagnosis, segment, rng),
        }
    )


def _further_visits(n: int, index: pd.DataFrame, population: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Second services of the same day and follow-up visits, with the patient, provider and diagnosis of the first."""
    parent = index.iloc[rng.integers(len(index), size=n)]
    patient, day = parent["patient"].to_numpy(), parent["day"].to_numpy()
    later = next_working_day(day + rng.choice(np.array(FOLLOW_UP_GAPS), size=n))
    segment = _segment(population, patient, day)
    # A birthday in between could end what the diagnosis allows: such patients have the second service the same day.
    stays = (rng.random(n) < SAME_DAY_SHARE) | (later >= N_DAYS) | (_segment(population, patient, later) != segment)
    specialty, diagnosis = parent["specialty"].to_numpy(), parent["diagnosis"].to_numpy()
    procedure = _draw_procedure(specialty, diagnosis, segment, rng)
    for _ in range(3):
        again = np.flatnonzero(stays & (procedure == parent["procedure"].to_numpy()))
        procedure[again] = _draw_procedure(specialty[again], diagnosis[again], segment[again], rng)
    return parent.assign(day=np.where(stays, day, later), procedure=procedure)


def _durations(procedure: IntArray, rng: np.random.Generator) -> IntArray:
    """Whole days >= 1: stays vary about their typical length, same-day services seldom run into the next day."""
    typical = np.array([item.days for item in PROCEDURES])[procedure]
    inpatient = np.array([item.setting == "inpatient" for item in PROCEDURES])[procedure]
    spread = np.exp(0.25 * rng.standard_normal(len(procedure)))
    extra = rng.poisson(np.where(inpatient, (typical - 0.5) * spread, 0.03))
    return np.asarray(np.where(inpatient, np.maximum(extra, 1), 1 + extra), dtype=np.int64)


def _honest_rows(
    n: int, population: pd.DataFrame, providers: pd.DataFrame, drift: float, rng: np.random.Generator
) -> pd.DataFrame:
    n_index = round(n * INDEX_VISIT_SHARE)
    index = _index_visits(n_index, population, providers, drift, rng)
    rows = pd.concat([index, _further_visits(n - n_index, index, population, rng)], ignore_index=True)
    return rows.assign(
        duration=_durations(rows["procedure"].to_numpy(), rng),
        noise=rng.standard_normal(n),
        channel=rng.random(n),
        markup=1.0,
        kind=HONEST,
    )


def _is_one_of(codes: tuple[str, ...], table: tuple[str, ...], position: IntArray) -> BoolArray:
    return np.array([code in codes for code in table], dtype=np.bool_)[position]


def _is_telehealth(rows: pd.DataFrame, drift: float) -> BoolArray:
    eligible = _is_one_of(TELEHEALTH_PROCEDURES, PROCEDURE_CODES, rows["procedure"].to_numpy())
    eligible &= rows["specialty"].to_numpy() != SPECIALTY_NAMES.index(EMERGENCY)
    share = TELEHEALTH_SHARE + DRIFT_TELEHEALTH * drift * (rows["day"].to_numpy() >= SECOND_HALF)
    return np.asarray(eligible & (rows["channel"].to_numpy() < share))


def _has_new_code(rows: pd.DataFrame, drift: float) -> BoolArray:
    # An upcoded claim keeps the level it was raised to, or else its label would no longer be true.
    replaced = rows["kind"].to_numpy() != FRAUD_KINDS.index("upcoding")
    replaced &= _is_one_of(NEW_CODE_REPLACES, PROCEDURE_CODES, rows["procedure"].to_numpy())
    replaced &= _is_one_of(NEW_CODE_SPECIALTIES, SPECIALTY_NAMES, rows["specialty"].to_numpy())
    replaced &= rows["day"].to_numpy() >= SECOND_HALF
    return np.asarray(replaced & (rows["channel"].to_numpy() > 1 - DRIFT_NEW_CODE * drift))


def _cents(rows: pd.DataFrame, providers: pd.DataFrame, drift: float) -> IntArray:
    procedure, provider = rows["procedure"].to_numpy(), rows["provider"].to_numpy()
    price = np.where(_has_new_code(rows, drift), NEW_CODE_PRICE, np.array([p.price for p in PROCEDURES])[procedure])
    inpatient = np.array([p.setting == "inpatient" for p in PROCEDURES])[procedure]
    stay = rows["duration"].to_numpy() / np.array([p.days for p in PROCEDURES])[procedure]
    dispersion = np.exp(np.array([p.sigma for p in PROCEDURES])[procedure] * rows["noise"].to_numpy())
    place = np.array(REGION_PRICES)[providers["region"].to_numpy()[provider]] * providers["price"].to_numpy()[provider]
    inflation = np.where(rows["day"].to_numpy() >= SECOND_HALF, 1 + DRIFT_INFLATION * drift, 1.0)
    channel = np.where(_is_telehealth(rows, drift), TELEHEALTH_PRICE, 1.0)
    amount = price * np.where(inpatient, 0.45 + 0.55 * stay, 1.0) * dispersion * place * inflation * channel
    return np.asarray(np.maximum(1, np.rint(100 * amount * rows["markup"].to_numpy())), dtype=np.int64)


def _history(patient: IntArray, day: IntArray, cents: IntArray) -> pd.DataFrame:
    """History columns of claims in the order of (claim_date, claim_id), from each patient's earlier claims of a year.

    They look back as far as ingestion does by default.
    """
    order = np.argsort(patient, kind="stable")
    start = window_starts(patient[order], day[order], HistoryParameters().window_days)
    previous = np.arange(len(order)) - start
    # Whole cents are summed, so that no rounding depends on which patients come before in the sum.
    before = np.cumsum(cents[order]) - cents[order]
    gap = np.where(previous > 0, np.diff(day[order], prepend=0), np.nan)
    average = np.where(previous > 0, np.round((before - before[start]) / np.maximum(previous, 1)) / 100, np.nan)
    place = np.argsort(order, kind="stable")
    return pd.DataFrame(
        {
            "days_since_last_claim": gap[place],
            "num_previous_claims": previous[place],
            "average_claim_amount": average[place],
        }
    )


def _identifiers(prefix: str, number: IntArray) -> npt.NDArray[np.object_]:
    """Prefix and eight digits; written as UCS-4 characters at once, since formatting one by one is slow."""
    digits = number[:, None] // 10 ** np.arange(7, -1, -1) % 10 + ord("0")
    letters = np.column_stack([np.full(len(number), ord(prefix)), digits]).astype(np.uint32)
    return np.ascontiguousarray(letters).view("U9").ravel().astype(object)


def _shuffled_identifiers(prefix: str, first: int, count: int, rng: np.random.Generator) -> npt.NDArray[np.object_]:
    return _identifiers(prefix, first + rng.permutation(count))


def _words(table: tuple[str, ...], position: IntArray) -> npt.NDArray[np.object_]:
    return np.array(table, dtype=object)[position]


def _claim_types(rows: pd.DataFrame, drift: float) -> npt.NDArray[np.object_]:
    setting = _words(tuple(procedure.setting for procedure in PROCEDURES), rows["procedure"].to_numpy())
    inpatient = setting == "inpatient"
    setting[(rows["specialty"].to_numpy() == SPECIALTY_NAMES.index(EMERGENCY)) & ~inpatient] = "emergency"
    setting[_is_telehealth(rows, drift)] = "telehealth"
    return setting


def _with_missing(claims: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    def masked(column: str, share: float | FloatArray) -> pd.Series:
        missing = rng.random(len(claims)) < share
        return claims[column].mask(missing, None if claims[column].dtype == object else np.nan)

    telehealth = claims["claim_type"].to_numpy() == "telehealth"
    return claims.assign(
        diagnosis_code=masked("diagnosis_code", MISSING_DIAGNOSIS),
        geographic_region=masked("geographic_region", MISSING_REGION),
        provider_experience_years=masked("provider_experience_years", MISSING_EXPERIENCE),
        claim_duration_days=masked(
            "claim_duration_days", np.where(telehealth, MISSING_DURATION_TELEHEALTH, MISSING_DURATION)
        ),
    )


@dataclass(frozen=True)
class _Book:
    """The final rows in the order of their dates, with whom and what they refer to."""

    rows: pd.DataFrame
    population: pd.DataFrame
    providers: pd.DataFrame
    drift: float


def _claims_frame(book: _Book, first_id: int, rng: np.random.Generator) -> pd.DataFrame:
    rows, population, providers = book.rows, book.population, book.providers
    patient, provider, day = (rows[name].to_numpy() for name in ("patient", "provider", "day"))
    patient_id = _shuffled_identifiers("P", first_id, len(population), rng)
    provider_id = _shuffled_identifiers("D", first_id, len(providers), rng)
    codes = _words((*PROCEDURE_CODES, NEW_CODE), np.arange(len(PROCEDURES) + 1))
    new_code = _has_new_code(rows, book.drift)
    cents = _cents(rows, providers, book.drift)
    history = _history(patient, day, cents)
    claims = pd.DataFrame(
        {
            "claim_id": _identifiers("C", first_id + np.arange(len(rows))),
            "claim_date": PERIOD_START + day.astype("timedelta64[D]"),
            "patient_id": patient_id[patient],
            "provider_id": provider_id[provider],
            "claim_type": _claim_types(rows, book.drift),
            "provider_specialty": _words(SPECIALTY_NAMES, rows["specialty"].to_numpy()),
            "diagnosis_code": _words(DIAGNOSIS_CODES, rows["diagnosis"].to_numpy()),
            "procedure_code": codes[np.where(new_code, len(PROCEDURES), rows["procedure"].to_numpy())],
            "patient_gender": _words(("M", "F"), population["female"].to_numpy()[patient]),
            "geographic_region": _words(REGIONS, population["region"].to_numpy()[patient]),
            "claim_amount": cents / 100,
            "patient_age": patient_age(population, patient, day),
            "provider_experience_years": providers["experience"].to_numpy()[provider] + (day >= SECOND_HALF),
            **{name: history[name] for name in history},
            "claim_duration_days": rows["duration"].to_numpy().astype(np.float64),
        }
    )
    return _with_missing(claims, rng)


def _labels_frame(claim_id: pd.Series[str], kind: IntArray) -> pd.DataFrame:
    fraud_kind = np.array([*FRAUD_KINDS, None], dtype=object)[kind]
    return pd.DataFrame({"claim_id": claim_id, "is_fraud": (kind >= 0).astype(np.int8), "fraud_kind": fraud_kind})


def _generate(
    n: int, n_fraud: int, first_id: int, drift: float, rng: np.random.Generator
) -> tuple[pd.DataFrame, pd.DataFrame]:
    population = _population(n // CLAIMS_PER_PATIENT, rng)
    providers = _providers(n, rng)
    market = Market(population, providers, _code_book().rules, len(REGIONS), N_DAYS - 1)
    rows, population = plant_fraud(_honest_rows(n, population, providers, drift, rng), market, n_fraud, rng)
    # Shuffled within the day, so that neither the identifier nor the row order tells planted claims from others.
    rows = rows.iloc[np.lexsort((rng.random(n), rows["day"].to_numpy()))].reset_index(drop=True)
    claims = _claims_frame(_Book(rows, population, providers, drift), first_id, rng)
    return claims, _labels_frame(claims["claim_id"], rows["kind"].to_numpy())


def _check_arguments(n_claims: int, seed: int, drift: float, fraud_rate: float) -> None:
    if n_claims < MIN_CLAIMS:
        raise ValueError(
            f"n_claims is {n_claims}, but must be at least {MIN_CLAIMS}: fewer claims cannot cover every specialty in "
            f"every region. Ask for {MIN_CLAIMS} and keep the rows you need."
        )
    if seed < 0:
        raise ValueError(f"seed is {seed}, but must be 0 or more. Pass a non-negative whole number.")
    if not 0 <= drift <= 1:
        raise ValueError(f"drift is {drift}, but must lie in [0, 1]. Pass 0 for no drift and 1 for the strongest.")
    if not 0 <= fraud_rate <= MAX_FRAUD_RATE:
        raise ValueError(
            f"fraud_rate is {fraud_rate}, but must lie in [0, {MAX_FRAUD_RATE}]. Pass a share such as 0.03, not a "
            "percentage."
        )


def generate_claims(
    n_claims: int = DEFAULT_CLAIMS,
    *,
    seed: int = DEFAULT_SEED,
    drift: float = 0.0,
    fraud_rate: float = DEFAULT_FRAUD_RATE,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Make one frame of claims and one of labels, all in memory.

    Parameters
    ----------
    n_claims
        Number of claims, at least 1,000; above a million `generate_chunks` needs far less memory.
    seed
        Whole number >= 0; the same arguments give the same frames.
    drift
        From 0 (none) to 1 (strong): how much 2025 differs from 2024 in prices, telehealth, age and codes.
    fraud_rate
        Share of fraudulent claims in [0, 0.2]; exactly round(fraud_rate * n_claims) are fraud.

    Returns
    -------
    claims
        Shape (n_claims, 17), in the order of claim_date and claim_id; amounts in dollars, rounded to cents.
    labels
        Shape (n_claims, 3): claim_id, is_fraud (0 or 1) and fraud_kind (null where not fraud), in the same order.

    Raises
    ------
    ValueError
        If an argument lies outside its range.
    """
    _check_arguments(n_claims, seed, drift, fraud_rate)
    return _generate(n_claims, round(fraud_rate * n_claims), 1, drift, _chunk_rng(seed, 0))


def _chunk_rng(seed: int, chunk: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(chunk,))))


def generate_chunks(
    n_claims: int,
    *,
    chunk_size: int = CHUNK_SIZE,
    seed: int = DEFAULT_SEED,
    drift: float = 0.0,
    fraud_rate: float = DEFAULT_FRAUD_RATE,
) -> Iterator[tuple[pd.DataFrame, pd.DataFrame]]:
    """Make claims and labels chunk by chunk, holding one chunk in memory at a time.

    Each chunk covers the whole period and has its own patients and providers. The chunks are of nearly equal size;
    where one chunk suffices, it equals the frames of `generate_claims`.

    Parameters
    ----------
    n_claims
        Number of claims in all, at least 1,000.
    chunk_size
        Greatest number of claims in a chunk, at least 2,000.
    seed, drift, fraud_rate
        As in `generate_claims`; the fraud count is exact over all chunks together.

    Returns
    -------
    Iterator over (claims, labels) as `generate_claims` returns them, identifiers unique over all chunks.

    Raises
    ------
    ValueError
        If an argument lies outside its range; raised by the call itself, before the first chunk.
    """
    _check_arguments(n_claims, seed, drift, fraud_rate)
    if chunk_size < MIN_CHUNK:
        raise ValueError(
            f"chunk_size is {chunk_size}, but must be at least {MIN_CHUNK}, so that every chunk has {MIN_CLAIMS} "
            "claims or more when they are shared out evenly. Pass a larger chunk_size."
        )
    n_chunks = -(-n_claims // chunk_size)
    bounds = [n_claims * chunk // n_chunks for chunk in range(n_chunks + 1)]
    return (
        _generate(
            stop - start,
            round(fraud_rate * stop) - round(fraud_rate * start),
            start + 1,
            drift,
            _chunk_rng(seed, chunk),
        )
        for chunk, (start, stop) in enumerate(itertools.pairwise(bounds))
    )


def _arrow_schema(frame: pd.DataFrame) -> pa.Schema:
    # Inferred from the values, a chunk without fraud would give fraud_kind another type than its neighbours.
    types = [pa.string() if dtype.kind == "O" else pa.from_numpy_dtype(dtype) for dtype in frame.dtypes]
    return pa.schema(list(zip(frame.columns, types, strict=True)))


def _append(writer: pq.ParquetWriter | None, path: Path, frame: pd.DataFrame) -> pq.ParquetWriter:
    schema = _arrow_schema(frame)
    writer = writer or pq.ParquetWriter(path, schema, compression="zstd")
    writer.write_table(pa.Table.from_pandas(frame, schema=schema, preserve_index=False))
    return writer


def write_sample(
    folder: Path,
    n_claims: int = DEFAULT_CLAIMS,
    *,
    seed: int = DEFAULT_SEED,
    drift: float = 0.0,
    fraud_rate: float = DEFAULT_FRAUD_RATE,
) -> tuple[Path, Path]:
    """Write `claims_train.parquet` and `claim_labels.parquet` into a folder, one row group a chunk.

    Both files are written under temporary names and take their names when complete, replacing earlier ones.

    Parameters
    ----------
    folder
        Where to write; made if it does not exist.
    n_claims, seed, drift, fraud_rate
        As in `generate_chunks`, with its default chunk size.

    Returns
    -------
    The paths of the claims and of the labels.

    Raises
    ------
    ValueError
        If an argument lies outside its range; nothing is written then.
    """
    chunks = generate_chunks(n_claims, seed=seed, drift=drift, fraud_rate=fraud_rate)
    folder.mkdir(parents=True, exist_ok=True)
    paths = (folder / CLAIMS_FILE, folder / LABELS_FILE)
    partial = [path.with_name(f".{path.name}.partial") for path in paths]
    writers: list[pq.ParquetWriter | None] = [None, None]
    try:
        for chunk in chunks:
            writers = [_append(*target) for target in zip(writers, partial, chunk, strict=True)]
        for writer, source, path in zip(writers, partial, paths, strict=True):
            if writer is not None:
                writer.close()
                source.replace(path)
    finally:
        for source in partial:
            source.unlink(missing_ok=True)
    return paths
