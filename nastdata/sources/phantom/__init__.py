"""The synthetic source: drawn patients, studies and facts."""
