"""The columns of a sighting: a chip with when and where; of the gallery and of all its files."""

import pyarrow as pa

SIGHTING_COLUMNS = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("modality", pa.string(), nullable=False),
        pa.field("sensor", pa.string()),
        pa.field("scene", pa.string()),
        pa.field("time", pa.timestamp("us", tz="UTC")),
        pa.field("lon", pa.float64()),
        pa.field("lat", pa.float64()),
        pa.field("position_error_m", pa.float32()),
        pa.field("length_m", pa.float32()),
        pa.field("width_m", pa.float32()),
        pa.field("size_error_m", pa.float32()),
        pa.field("heading_deg", pa.float32()),
        pa.field("heading_ambiguous", pa.bool_()),
        pa.field("identity", pa.string()),
        pa.field("name", pa.string()),
        pa.field("mmsi", pa.string()),
        pa.field("imo", pa.string()),
        pa.field("ship_type", pa.string()),
        pa.field("path", pa.string()),
        pa.field("box", pa.list_(pa.int32(), 4)),
        pa.field("band", pa.string()),
        pa.field("thumbnail", pa.binary()),
        pa.field("added", pa.timestamp("us", tz="UTC")),
        pa.field("source", pa.string()),
        pa.field("licence", pa.string()),
    ]
)
"""All columns but ``embedding``; what is not known is null.

``id`` is of the file's content, box, band and modality, so that a chip is one row however often it
is brought. ``time`` is UTC, ``lon`` and ``lat`` are degrees of WGS 84. Length, width and heading
(degrees clockwise from north) are of the ship, not of the chip; ``heading_ambiguous`` is true
where bow and stern may be exchanged. ``mmsi`` is a claim: it can be false. ``box`` is left, top,
right and bottom in pixels of ``path``; ``band`` is the one that is shown of a SAR file with
several, such as ``vh``. ``thumbnail`` is a JPEG.
"""


def sighting_schema(width: int) -> pa.Schema:
    """The columns with an embedding of ``width`` numbers in half precision, of length 1."""
    embedding = pa.field("embedding", pa.list_(pa.float16(), width), nullable=False)
    return SIGHTING_COLUMNS.insert(1, embedding)
