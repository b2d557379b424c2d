"""What the tests of the bundle give where a deployment would: values of variables, and the wheel that is built."""

from __future__ import annotations

from claims_fraud import __version__

PRINCIPAL = "11111111-2222-3333-4444-555555555555"
# What has no default outside of dev.
GIVEN = {"service_principal": PRINCIPAL, "notification_address": "alerts@example.org"}
TARGETS: dict[str, dict[str, str]] = {"dev": {}, "staging": GIVEN, "prod": GIVEN}
WHEEL = f"dist/claims_fraud-{__version__}-py3-none-any.whl"
