"""Write what the results of `scheme_quality` say: tables per set, ratios to the kit, and broken rules.

The writer shows only detectors that have results, so that the page can be written before all are measured.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

KIT = "kit"
SINGLE_TOOLS = ("pairs", "group_z_of_changed", "pairs_of_changed")
# A detector has to reach these shares of AP wherever the kit, or the best single tool, reaches the least AP.
LEAST_AP, KIT_SHARE, TOOL_SHARE = 0.05, 0.9, 0.75


def find_broken_rules(precision: pd.Series, kit: pd.Series, best_tool: pd.Series) -> list[str]:
    """Return for each cell which rules a detector's AP breaks: ``kit``, ``tool``, both or an empty text."""
    behind_kit = (kit >= LEAST_AP) & (precision < KIT_SHARE * kit)
    behind_tool = (best_tool >= LEAST_AP) & (precision < TOOL_SHARE * best_tool)
    names = np.array(["kit", "tool"])
    return [" ".join(names[list(behind)]) for behind in zip(behind_kit, behind_tool, strict=True)]


def write_page(results: pd.DataFrame) -> None:
    """Put the tables into the page."""
