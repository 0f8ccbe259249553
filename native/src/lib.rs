//! The native part of driftline: a C ABI that Python loads with `ctypes`.
//!
//! Everything unsafe is in this file: the pointers that Python passes become slices here, and nothing else.
//! A panic ends here too, as an error code.

#![deny(unsafe_op_in_unsafe_fn)]

mod avro;
mod batch;
mod decimal;
mod double;
mod json;
mod keys;
mod numbers;
mod powers;
mod program;
mod protobuf;
mod reading;
mod varint;

use std::panic::{catch_unwind, AssertUnwindSafe, UnwindSafe};

use crate::numbers::{Encoded, Grids};
use crate::program::Words;
use crate::reading::features::{self, Features};
use crate::reading::records::Records;

/// Changes with every change of a signature, of the structures or of the form of programs.
const ABI: u32 = 2;

const DONE: i32 = 0;
const BAD_PROGRAM: i32 = 1;
const PANICKED: i32 = 2;

/// Records of one schema, as Python passes them.
#[repr(C)]
pub struct Batch {
    program: *const u32,
    n_words: usize,
    names: *const u8,
    n_names: usize,
    prefix: *const u8,
    n_prefix: usize,
    values: *const u8,
    n_values: usize,
    lengths: *const u64,
    n_lengths: usize,
}

/// Bytes that belong to this library until they are given back to [`driftline_free`].
#[repr(C)]
pub struct Text {
    data: *mut u8,
    length: usize,
    capacity: usize,
}

/// Arrays that Python lends for features; those of a batch are written from the event `start` on.
#[repr(C)]
pub struct Cells {
    numbers: *mut f64,
    n_numbers: usize,
    bins: *mut i64,
    n_bins: usize,
    odd: *mut u8,
    n_odd: usize,
    start: usize,
}

/// Values of `n_columns` columns and `n_rows` events, and arrays that Python lends for what they are encoded to.
#[repr(C)]
pub struct Numbers {
    edges: *const f64,
    n_all_edges: usize,
    n_edges: *const u64,
    scales: *const f64,
    rows: *const u64,
    n_columns: usize,
    values: *const f64,
    n_rows: usize,
    bins: *mut i64,
    n_bins: usize,
    z: *mut i64,
    squares: *mut i64,
    clipped: *mut u8,
}

/// Returns the version of this interface.
#[no_mangle]
pub extern "C" fn driftline_abi() -> u32 {
    ABI
}

/// Writes the records of a batch as JSON, a list of texts in MessagePack; the text of one that is left to Python is empty.
///
/// Returns 0, or another number when nothing was written.
///
/// # Safety
///
/// Each pointer of `batch` leads to as many readable elements as the count beside it says, and `text` may be written.
#[no_mangle]
pub unsafe extern "C" fn driftline_transcode(batch: *const Batch, text: *mut Text) -> i32 {
    // SAFETY: the caller's promise.
    let (input, text) = unsafe { (Input::of(&*batch), &mut *text) };
    answer(text, || batch::transcode(input.words, input.names, input.prefix, input.values, input.lengths))
}

/// Writes the fields of a batch of JSON records by column, in MessagePack; see `reading::records`.
///
/// Returns 0, or another number when nothing was written.
///
/// # Safety
///
/// As of [`driftline_transcode`].
#[no_mangle]
pub unsafe extern "C" fn driftline_read_records(batch: *const Batch, text: *mut Text) -> i32 {
    // SAFETY: the caller's promise.
    let (input, text) = unsafe { (Input::of(&*batch), &mut *text) };
    answer(text, || Records::new(Words::new(input.words, input.names))?.columns(input.values, input.lengths))
}

/// Writes the features of a batch of JSON objects into `cells`, and what no cell is for in MessagePack; see
/// `reading::features`.
///
/// Returns 0, or another number when nothing was written to `text`; the cells then hold nothing of use.
///
/// # Safety
///
/// As of [`driftline_transcode`]; each pointer of `cells` leads to as many elements as the count beside it says, which may
/// be written and overlap nothing else.
#[no_mangle]
pub unsafe extern "C" fn driftline_read_features(
    batch: *const Batch,
    cells: *const Cells,
    text: *mut Text,
) -> i32 {
    // SAFETY: the caller's promise.
    let (input, text, cells) = unsafe { (Input::of(&*batch), &mut *text, &*cells) };
    // SAFETY: the caller's promise.
    let mut cells = unsafe {
        features::Cells {
            numbers: slice_mut(cells.numbers, cells.n_numbers),
            bins: slice_mut(cells.bins, cells.n_bins),
            odd: slice_mut(cells.odd, cells.n_odd),
            start: cells.start,
        }
    };
    answer(
        text,
        AssertUnwindSafe(|| {
            Features::new(Words::new(input.words, input.names))?.read(input.values, input.lengths, &mut cells)
        }),
    )
}

/// Encodes numbers; writes column, row and value of those outside the reference's range to `text`, as whole numbers of 64
/// bits; see `numbers`.
///
/// Returns 0, or another number when nothing was written to `text`; the arrays then hold nothing of use.
///
/// # Safety
///
/// Each pointer of `numbers` leads to as many elements as the counts say (`scales` to four a column, `values`, `z`,
/// `squares` and `clipped` to `n_columns` times `n_rows`, `bins` to `n_bins`); those that are written overlap nothing else,
/// and `text` may be written.
#[no_mangle]
pub unsafe extern "C" fn driftline_encode_numbers(numbers: *const Numbers, text: *mut Text) -> i32 {
    // SAFETY: the caller's promise.
    let (numbers, text) = unsafe { (&*numbers, &mut *text) };
    let (c, n) = (numbers.n_columns, numbers.n_rows);
    // SAFETY: the caller's promise.
    let (grids, values, mut encoded) = unsafe {
        (
            Grids {
                edges: slice(numbers.edges, numbers.n_all_edges),
                n_edges: slice(numbers.n_edges, c),
                scales: slice(numbers.scales, 4 * c),
                rows: slice(numbers.rows, c),
            },
            slice(numbers.values, c * n),
            Encoded {
                bins: slice_mut(numbers.bins, numbers.n_bins),
                z: slice_mut(numbers.z, c * n),
                squares: slice_mut(numbers.squares, c * n),
                clipped: slice_mut(numbers.clipped, c * n),
            },
        )
    };
    answer(
        text,
        AssertUnwindSafe(|| {
            let tails = numbers::encode(&grids, values, n, &mut encoded)?;
            Some(tails.iter().flat_map(|number| number.to_le_bytes()).collect())
        }),
    )
}

/// A batch whose pointers have become slices.
struct Input<'a> {
    words: &'a [u32],
    names: &'a [u8],
    prefix: &'a [u8],
    values: &'a [u8],
    lengths: &'a [u64],
}

impl<'a> Input<'a> {
    /// # Safety
    ///
    /// Each pointer leads to as many readable elements as the count beside it says.
    unsafe fn of(batch: &'a Batch) -> Self {
        // SAFETY: the caller's promise; `slice` allows for a null pointer to no elements.
        unsafe {
            Input {
                words: slice(batch.program, batch.n_words),
                names: slice(batch.names, batch.n_names),
                prefix: slice(batch.prefix, batch.n_prefix),
                values: slice(batch.values, batch.n_values),
                lengths: slice(batch.lengths, batch.n_lengths),
            }
        }
    }
}

/// Gives Python what some work has written, or says why there is nothing.
fn answer(text: &mut Text, work: impl FnOnce() -> Option<Vec<u8>> + UnwindSafe) -> i32 {
    match catch_unwind(work) {
        Ok(Some(mut bytes)) => {
            *text = Text { data: bytes.as_mut_ptr(), length: bytes.len(), capacity: bytes.capacity() };
            std::mem::forget(bytes);
            DONE
        }
        Ok(None) => BAD_PROGRAM,
        Err(_) => PANICKED,
    }
}

/// Frees what one of the other functions gave.
///
/// # Safety
///
/// `text` is as a call that returned 0 left it, and is not used again.
#[no_mangle]
pub unsafe extern "C" fn driftline_free(text: *const Text) {
    // SAFETY: the caller's promise: these are the parts of a vector that was forgotten.
    unsafe { drop(Vec::from_raw_parts((*text).data, (*text).length, (*text).capacity)) };
}

/// # Safety
///
/// `data` leads to `n` readable elements, or `n` is 0.
unsafe fn slice<'a, T>(data: *const T, n: usize) -> &'a [T] {
    if n == 0 {
        &[]
    } else {
        // SAFETY: the caller's promise.
        unsafe { std::slice::from_raw_parts(data, n) }
    }
}

/// # Safety
///
/// `data` leads to `n` elements that may be written and overlap nothing else, or `n` is 0.
unsafe fn slice_mut<'a, T>(data: *mut T, n: usize) -> &'a mut [T] {
    if n == 0 {
        &mut []
    } else {
        // SAFETY: the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(data, n) }
    }
}
