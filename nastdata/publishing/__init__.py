"""Takes a dataset folder to a hub, or packs what rebuilds it without its rows."""
