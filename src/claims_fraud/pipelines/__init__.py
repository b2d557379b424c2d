"""The pipelines: wiring and glue between the catalog and the libraries."""
