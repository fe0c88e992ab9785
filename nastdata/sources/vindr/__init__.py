"""VinDr-CXR: three radiologists an image."""
