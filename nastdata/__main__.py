"""``python -m nastdata``."""

from nastdata.cli import main

main()
