"""What every request passes before it reaches a page, the REST API or a stream."""
