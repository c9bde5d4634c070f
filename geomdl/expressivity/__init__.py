"""What networks can tell apart, and what they can compute: exact certificates and counts."""

__all__: list[str] = []
