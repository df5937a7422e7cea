"""What commands print with ``-f json``: one document each, with the keys that its model names."""
