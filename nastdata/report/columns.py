"""What each config is, and what each of its columns means: for the card, Croissant and the docs."""

from __future__ import annotations

CONFIG_NOTES: dict[str, str] = {
    "mednega": "One image, one question, four options that each say of three conditions whether they are "
    "present; one option is right. Every option is worded twice, with and without negation.",
    "contextual_claims": "One image and K claims, of which exactly one is true; the false ones alter one "
    "attribute of a fact: its existence, its place or its grade.",
    "contextual_captions": "One image and one caption that is true of it, negated or affirmative.",
    "probes": "A true caption and its foil, equally long in tokens, for causal tracing of text encoders.",
    "protocols": "One image and one small question about one or two findings; two rows share the question "
    "and its options, and have another option right.",
    "opposition": "An image with its prompt, and an image of the opposite state with the prompt of that.",
}

COLUMN_NOTES: dict[str, str] = {
    "item_id": "Identifier of the question.",
    "set_id": "Identifier of the claim set.",
    "caption_id": "Identifier of the caption.",
    "pair_id": "Identifier of the pair.",
    "source": "Corpus that the study comes from.",
    "patient_id": "Patient, as named by the corpus; no patient is in two splits.",
    "study_id": "Study, as named by the corpus.",
    "image_id": "Preferred image of the study.",
    "image": "Path relative to the image root of the source, or the image itself if embedded; null if none.",
    "design": "How options were chosen: balanced or paper (mednega), paired or unpaired (protocols).",
    "group_id": "Rows that share their texts, each with another one true.",
    "conditions": "The three conditions that every option speaks of.",
    "choice_labels": "For each option, 1 (present) or 0 (absent) for each of the conditions.",
    "protocol": "Which kind of question.",
    "other_condition": "The second finding that options name, or null.",
    "choices": "The options; one is right.",
    "choice_facts": "For each option, what holds of the image if it is right.",
    "question": "Neutral question stem.",
    "negated_choices": "The options, absence worded by negation.",
    "affirmative_choices": "The same options, absence worded without negation.",
    "answer": "The right option: a letter (A-D) for questions, an index from 0 for claim sets and protocols.",
    "plan_id": "Sentence plan that both wordings were made from.",
    "realizer": "Who worded it: template, openai or local.",
    "condition": "The condition in question.",
    "negation_type": "What is denied: none, existence, location or severity.",
    "set_kind": "Whether all claims are about one condition or several.",
    "claims": "The claims; one is true.",
    "claim_facts": "For each claim, the fact that it states.",
    "claim_negations": "For each claim, what it denies.",
    "altered": "For each claim, the attribute in which it differs from a true fact; null for the true claim.",
    "caption": "The caption.",
    "polarity": "Whether the text is negated (negative) or affirmative (positive).",
    "fact": 'The fact that the caption states; `qualifier` is what alone it denies ("focal"), or null.',
    "correct": "The true caption.",
    "foil": "The false caption.",
    "negation_in": "Which of the two is negated.",
    "prompt": "The prompt that is true of the image.",
    "distractor_image": "Image of a study of the opposite state, like image.",
    "distractor_image_id": "Identifier of the distractor image.",
    "distractor_prompt": "The prompt that is true of the distractor image.",
    "style": "Structured or natural wording.",
}
