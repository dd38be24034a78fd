"""Tasks (an image leased to one annotator) and the masks made in them."""
