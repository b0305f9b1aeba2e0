"""The operator's entrypoint: `python -m ops`."""
