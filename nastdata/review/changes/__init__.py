"""From a review to a changed dataset: rejected items leave with their groups, or are reworded."""
