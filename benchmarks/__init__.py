"""What Countersign does in a second, as ratios against a peer or a limit measured in the same run: `make bench`."""
