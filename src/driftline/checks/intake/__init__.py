"""What is said of the input topics as such: records that are refused, labels that meet no prediction."""
