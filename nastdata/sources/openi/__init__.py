"""Open-i (Indiana University): XML reports with MeSH headings."""
