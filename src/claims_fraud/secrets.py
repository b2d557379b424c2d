"""Secrets in configuration, by name only: `${secret:SCOPE/KEY}`.

From the environment where the variable `SCOPE_KEY` is set, as on a laptop or in CI; else, on Databricks, from the
secret scope. Not for keeping secrets: that is the environment's and the scope's.
"""

from __future__ import annotations

import os
import re

from claims_fraud.databricks_runtime import utilities
from claims_fraud.errors import InputError


def secret(name: str) -> str:
    """Return the secret of a scope and key, given as ``SCOPE/KEY``; raise InputError if it is nowhere."""
    scope, _, key = name.partition("/")
    variable = re.sub(r"\W", "_", name).upper()
    if variable in os.environ:
        return os.environ[variable]
    if not (scope and key):
        raise InputError(
            f"secret {name!r} is no name of a secret; give its scope and key, as in ${{secret:siu/token}}."
        )
    runtime = utilities()
    if runtime is None:
        raise InputError(f"secret {name!r} is not known here: set the environment variable {variable}.")
    try:
        return str(runtime.secrets.get(scope, key))
    except Exception as error:  # of a Java class that cannot be imported
        raise InputError(
            f"secret {name!r} is not in the secret scope {scope!r}, or may not be read ({type(error).__name__}). Put "
            f"it there with `databricks secrets put-secret {scope} {key}` and grant READ on the scope to who runs the "
            "job."
        ) from error
