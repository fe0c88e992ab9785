"""What annotators leave, whatever the corpus: label names, boxes, masks, several readers."""
