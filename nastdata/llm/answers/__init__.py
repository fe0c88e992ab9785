"""What a generative model's answer to a multiple-choice question says: one option, or nothing usable."""
