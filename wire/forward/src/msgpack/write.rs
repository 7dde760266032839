//! The writing side: each function appends one value in its shortest form.

/// Appends an integer of any sign.
#[inline]
pub fn write_int(out: &mut Vec<u8>, value: i64) {
    match u64::try_from(value) {
        Ok(value) => write_uint(out, value),
        Err(_) => write_negative(out, value),
    }
}

/// Appends a non-negative integer.
#[inline]
#[allow(clippy::cast_possible_truncation)] // each arm's range fits its width
pub fn write_uint(out: &mut Vec<u8>, value: u64) {
    match value {
        0..=0x7f => out.push(value as u8),
        0x80..=0xff => out.extend_from_slice(&[0xcc, value as u8]),
        0x100..=0xffff => with_marker(out, 0xcd, (value as u16).to_be_bytes()),
        0x1_0000..=0xffff_ffff => with_marker(out, 0xce, (value as u32).to_be_bytes()),
        _ => with_marker(out, 0xcf, value.to_be_bytes()),
    }
}

#[allow(clippy::cast_possible_truncation)] // each arm's range fits its width
fn write_negative(out: &mut Vec<u8>, value: i64) {
    match value {
        -32..=-1 => out.push((value as i8).cast_unsigned()),
        -128..=-33 => out.extend_from_slice(&[0xd0, (value as i8).cast_unsigned()]),
        -32_768..=-129 => with_marker(out, 0xd1, (value as i16).to_be_bytes()),
        -2_147_483_648..=-32_769 => with_marker(out, 0xd2, (value as i32).to_be_bytes()),
        _ => with_marker(out, 0xd3, value.to_be_bytes()),
    }
}

#[inline]
fn with_marker<const N: usize>(out: &mut Vec<u8>, marker: u8, bytes: [u8; N]) {
    out.push(marker);
    out.extend_from_slice(&bytes);
}

/// Appends a string. Its bytes are taken as they are: MessagePack doesn't insist on UTF-8.
#[inline]
#[allow(clippy::cast_possible_truncation)] // each arm's range fits its width
pub fn write_str(out: &mut Vec<u8>, bytes: &[u8]) {
    match bytes.len() {
        len @ 0..=31 => out.push(0xa0 | len as u8),
        len @ 32..=0xff => out.extend_from_slice(&[0xd9, len as u8]),
        len @ 0x100..=0xffff => with_marker(out, 0xda, (len as u16).to_be_bytes()),
        len => with_marker(out, 0xdb, (len as u32).to_be_bytes()),
    }
    out.extend_from_slice(bytes);
}

/// Appends a binary.
pub fn write_bin(out: &mut Vec<u8>, bytes: &[u8]) {
    write_bin_head(out, bytes.len());
    out.extend_from_slice(bytes);
}

/// Appends the head of a binary whose `len` bytes the caller writes next.
#[allow(clippy::cast_possible_truncation)] // each arm's range fits its width
pub fn write_bin_head(out: &mut Vec<u8>, len: usize) {
    match len {
        0..=0xff => out.extend_from_slice(&[0xc4, len as u8]),
        0x100..=0xffff => with_marker(out, 0xc5, (len as u16).to_be_bytes()),
        _ => with_marker(out, 0xc6, (len as u32).to_be_bytes()),
    }
}

/// Appends the head of an array of `len` values.
#[allow(clippy::cast_possible_truncation)] // each arm's range fits its width
pub fn write_array(out: &mut Vec<u8>, len: u32) {
    match len {
        0..=15 => out.push(0x90 | len as u8),
        16..=0xffff => with_marker(out, 0xdc, (len as u16).to_be_bytes()),
        _ => with_marker(out, 0xdd, len.to_be_bytes()),
    }
}

/// Appends the head of a map of `len` pairs.
#[allow(clippy::cast_possible_truncation)] // each arm's range fits its width
pub fn write_map(out: &mut Vec<u8>, len: u32) {
    match len {
        0..=15 => out.push(0x80 | len as u8),
        16..=0xffff => with_marker(out, 0xde, (len as u16).to_be_bytes()),
        _ => with_marker(out, 0xdf, len.to_be_bytes()),
    }
}

/// Appends a truth value.
pub fn write_bool(out: &mut Vec<u8>, value: bool) {
    out.push(if value { 0xc3 } else { 0xc2 });
}
