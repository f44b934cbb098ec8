"""What every room uses: errors, files, boxes, progress, text; nothing here imports torch."""
