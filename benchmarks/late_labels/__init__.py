"""Labels that come between a second and three months late: the join, held against scikit-learn on the same rows."""
