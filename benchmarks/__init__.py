"""Programs that print the speed and memory figures the README quotes, with a peer or a floor beside us."""
