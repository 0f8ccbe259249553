//! Numbers on the grids of a profile: their bins, and their standardised values in fixed point.
//!
//! The same operations in the same order as in `src/driftline/sketches/numeric_encoding.py`, so the same bits.

const LIMIT: f64 = 256.0;
const SCALE: f64 = (1u64 << 24) as f64;
const SQUARE_SCALE: f64 = (1u64 << 16) as f64;
const TAIL_LIMIT: f64 = (1u64 << 40) as f64;
const TAIL_SCALE: f64 = (1u64 << 20) as f64;
/// What is added and taken away again rounds a number of up to 51 bits to a whole one, half to even.
const ROUNDER: f64 = (3u64 << 51) as f64;
const MISSING: i64 = -1;
const INFINITE: i64 = -3;

/// The grids of c columns.
pub struct Grids<'a> {
    /// Of one column after the other.
    pub edges: &'a [f64],
    /// How many edges each column has.
    pub n_edges: &'a [u64],
    /// Mean, spread (1 where the reference has none), and where the bins inside the reference's range begin and end;
    /// shape (c, 4).
    pub scales: &'a [f64],
    /// Which row of the bins each column has.
    pub rows: &'a [u64],
}

/// What n values of c columns are encoded to, each of shape (c, n) but for the bins, which have rows of others too.
pub struct Encoded<'a> {
    pub bins: &'a mut [i64],
    pub z: &'a mut [i64],
    pub squares: &'a mut [i64],
    pub clipped: &'a mut [u8],
}

/// Encodes values, shape (c, n), not-a-number where there is none.
///
/// Returns column, row and standardised value of each that is outside the reference's range; `None` where lengths do not
/// fit together.
pub fn encode(grids: &Grids, values: &[f64], n: usize, out: &mut Encoded) -> Option<Vec<i64>> {
    let c = grids.n_edges.len();
    let size = c.checked_mul(n)?;
    let lengths = [values.len(), out.z.len(), out.squares.len(), out.clipped.len()];
    if lengths != [size; 4] || grids.rows.len() != c || grids.scales.len() != 4 * c {
        return None;
    }
    let mut tails = Vec::new();
    let mut edges = grids.edges;
    for column in 0..c {
        let n_edges = usize::try_from(grids.n_edges[column]).ok().filter(|n| *n <= edges.len())?;
        let (own, others) = edges.split_at(n_edges);
        edges = others;
        let [mean, spread, low, high] = *grids.scales[4 * column..].first_chunk()?;
        let row = usize::try_from(grids.rows[column]).ok()?.checked_mul(n)?;
        let bins = out.bins.get_mut(row..row.checked_add(n)?)?;
        let part = column * n..(column + 1) * n;
        let values = &values[part.clone()];
        bin(own, values, bins);
        let z = &mut out.z[part.clone()];
        standardise(mean, spread, values, z, &mut out.squares[part.clone()], &mut out.clipped[part]);
        for (row, value) in values.iter().enumerate() {
            if !value.is_finite() {
                bins[row] = if value.is_nan() { MISSING } else { INFINITE };
            } else if *value < low || *value >= high {
                let z = (value - mean) / spread;
                let units = (z.clamp(-TAIL_LIMIT, TAIL_LIMIT) * TAIL_SCALE).round_ties_even() as i64;
                tails.extend([column as i64, row as i64, units]);
            }
        }
    }
    edges.is_empty().then_some(tails)
}

/// Writes how many edges are not above each finite value.
///
/// The edges that are not above are counted, first among the last ones of all blocks, then in a block: no jump depends on a
/// value, as in a search by halves, where nothing could predict it.
fn bin(edges: &[f64], values: &[f64], bins: &mut [i64]) {
    const BLOCK: usize = 16;
    let n_blocks = edges.len() / BLOCK + 1;
    let mut blocks = vec![[f64::INFINITY; BLOCK]; n_blocks];
    for (block, edges) in blocks.iter_mut().zip(edges.chunks(BLOCK)) {
        block[..edges.len()].copy_from_slice(edges);
    }
    let mut last = vec![f64::INFINITY; n_blocks.next_multiple_of(4)];
    for (last, block) in last.iter_mut().zip(&blocks[..n_blocks - 1]) {
        *last = block[BLOCK - 1];
    }
    for (bin, value) in bins.iter_mut().zip(values) {
        let block = not_above(&last, *value).min(n_blocks - 1);
        *bin = (block * BLOCK + not_above(&blocks[block], *value)) as i64;
    }
}

#[inline]
fn not_above(edges: &[f64], value: f64) -> usize {
    edges.iter().map(|edge| usize::from(*edge <= value)).sum()
}

/// Writes z and z² in fixed point, and which were clipped; zeros where there is no finite value.
fn standardise(
    mean: f64,
    spread: f64,
    values: &[f64],
    z: &mut [i64],
    squares: &mut [i64],
    clipped: &mut [u8],
) {
    let out = z.iter_mut().zip(squares).zip(clipped);
    for (value, ((whole, square), clip)) in values.iter().zip(out) {
        let exact = if value.is_finite() { (value - mean) / spread } else { 0.0 };
        *clip = u8::from(exact.abs() > LIMIT);
        let exact = exact.clamp(-LIMIT, LIMIT);
        *square = rounded(exact * exact * SQUARE_SCALE);
        *whole = rounded(exact * SCALE);
    }
}

/// Returns the whole number next to one of at most 2³² in size, half to even.
#[inline]
fn rounded(number: f64) -> i64 {
    (number + ROUNDER - ROUNDER) as i64
}
