"""What a second process of the model is asked."""
