"""Label sets of challenges: SIIM-ACR pneumothorax masks, RSNA pneumonia boxes."""
