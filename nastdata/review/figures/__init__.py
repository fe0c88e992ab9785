"""What a review found, in numbers: acceptance, agreement, rejected items."""
