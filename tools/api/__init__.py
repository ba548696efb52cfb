"""Descriptions of the cloud's interfaces, generated from its code: `python -m tools.api docs/api`, and `--check`."""
