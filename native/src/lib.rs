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
mod powers;
mod program;
mod protobuf;
mod varint;

use std::panic::catch_unwind;

/// Changes with every change of a signature, of [`Batch`], [`Text`] or of the form of programs.
const ABI: u32 = 1;

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
    let (batch, text) = unsafe { (&*batch, &mut *text) };
    // SAFETY: the caller's promise; `slice` allows for a null pointer to no elements.
    let (words, names, prefix, values, lengths) = unsafe {
        (
            slice(batch.program, batch.n_words),
            slice(batch.names, batch.n_names),
            slice(batch.prefix, batch.n_prefix),
            slice(batch.values, batch.n_values),
            slice(batch.lengths, batch.n_lengths),
        )
    };
    match catch_unwind(|| batch::transcode(words, names, prefix, values, lengths)) {
        Ok(Some(mut texts)) => {
            *text = Text { data: texts.as_mut_ptr(), length: texts.len(), capacity: texts.capacity() };
            std::mem::forget(texts);
            DONE
        }
        Ok(None) => BAD_PROGRAM,
        Err(_) => PANICKED,
    }
}

/// Frees what [`driftline_transcode`] gave.
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
