"""The only place that opens an image: finds, reads, converts, embeds and draws them."""
