"""From a Volume to an array of fixed shape (preparation), and random changes of batches of them (augmentation)."""
