"""NIH ChestX-ray14: mined labels, labels by radiologists, boxes."""
