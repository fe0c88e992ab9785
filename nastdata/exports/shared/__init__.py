"""What several formats need: statements of rows, token counts, quadruplets, the account of an export."""
