"""One offline HTML page that tells what a dataset holds."""
