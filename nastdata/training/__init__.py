"""Fine-tunes text encoders: settings, objectives, LoRA, layer weights, checkpoints."""
