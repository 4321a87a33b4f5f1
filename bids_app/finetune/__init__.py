"""Fine-tuning of a language model to forecast its own states ahead (`n2n finetune`)."""
