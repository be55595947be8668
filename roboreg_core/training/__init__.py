"""Training loop, recipes, fine-tuning presets and knowledge distillation."""
