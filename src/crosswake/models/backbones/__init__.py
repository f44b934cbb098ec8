"""Networks that turn chips into features: our own ViT, or any timm model by name."""
