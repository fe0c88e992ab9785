"""``python -m experiment``."""

import sys

from experiment.command import main

if __name__ == "__main__":
    sys.exit(main())
