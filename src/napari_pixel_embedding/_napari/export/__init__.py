"""Labels layers in the formats of other programs: dialogue and writers."""
