"""Fine-tunes text encoders: settings, objectives, LoRA, layer weights, checkpoints.

In: a dataset folder, a model, a trace.
Out: a model folder and its log.
May import: models, tracing.
"""
