"""The account of pages: how many each model was promised and made, by month."""
