//! Reads JSON of whole batches into columns. What is unusual is left to Python, row by row.

mod cursor;
pub mod features;
mod number;
mod objects;
mod pack;
pub mod records;
mod table;
