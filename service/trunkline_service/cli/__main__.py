"""Lets `python -m trunkline_service.cli` do what `trunkline` does."""

import sys

from trunkline_service.cli import main

sys.exit(main())
