"""False pages of unchanged models, and how soon changes are found."""
