"""Embeds whole archives: any number of chips into one Parquet file, part by part."""
