"""What a dataset lets through: verdicts on masks, and the masks training and export may take."""
