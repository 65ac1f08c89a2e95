//! The guest's allocator: it only ever moves forward, because an instance lives for one call.
#![allow(unsafe_code, reason = "a global allocator is an unsafe trait; sound because a guest has one thread")]

use std::alloc::{GlobalAlloc, Layout};
use std::cell::UnsafeCell;

/// A page of linear memory.
const PAGE: usize = 64 * 1024;
/// Memory is claimed in pieces of a megabyte: each claim costs the host a system call.
const PAGES: usize = 16;

/// Bump allocator over the guest's linear memory. Freed memory is not reused, with one exception: the block
/// made last can grow in place, which is what building a string or a vector does.
pub struct Bump {
    // (next free address, end of what the memory has)
    space: UnsafeCell<(usize, usize)>,
}

// SAFETY: a guest instance runs on one thread.
unsafe impl Sync for Bump {}

impl Bump {
    /// An allocator that has claimed nothing yet.
    pub const fn new() -> Self {
        Self { space: UnsafeCell::new((0, 0)) }
    }

    /// Makes room for a block that does not fit into what there is, and places it.
    #[cold]
    #[inline(never)]
    fn claim(&self, layout: Layout) -> *mut u8 {
        // SAFETY: one thread, and no reference outlives this function.
        let space = unsafe { &mut *self.space.get() };
        // Whatever the alignment, it fits then. Old memory and new join, unless somebody else grew the memory between.
        let least = (layout.size() + layout.align()).div_ceil(PAGE);
        let Some((start, pages)) = grow(least.max(PAGES)).or_else(|| grow(least)) else { return std::ptr::null_mut() };
        if start != space.1 {
            space.0 = start;
        }
        space.1 = start + pages * PAGE;
        let block = space.0.next_multiple_of(layout.align());
        space.0 = block + layout.size();
        block as *mut u8
    }

    /// Makes the block made last larger in its place.
    fn extend(&self, start: usize, size: usize) -> bool {
        // SAFETY: as above.
        let space = unsafe { &mut *self.space.get() };
        let fits = start + size <= space.1;
        if fits {
            space.0 = start + size;
        }
        fits
    }
}

impl Default for Bump {
    fn default() -> Self {
        Self::new()
    }
}

// SAFETY: blocks never overlap, since `space.0` only grows past what was handed out.
unsafe impl GlobalAlloc for Bump {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let space = unsafe { &mut *self.space.get() };
        let start = space.0.next_multiple_of(layout.align());
        // Sizes are at most `isize::MAX`, and addresses below 4 GiB of a 32-bit memory that is never that full.
        let end = start.wrapping_add(layout.size());
        if end > space.1 || end < start {
            return self.claim(layout);
        }
        space.0 = end;
        start as *mut u8
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        let space = unsafe { &mut *self.space.get() };
        if pointer as usize + layout.size() == space.0 {
            space.0 = pointer as usize;
        }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let start = pointer as usize;
        let last = start + layout.size() == unsafe { (*self.space.get()).0 };
        if last && self.extend(start, size) {
            return pointer;
        }
        if size <= layout.size() {
            return pointer;
        }
        let fresh = unsafe { self.alloc(Layout::from_size_align_unchecked(size, layout.align())) };
        if !fresh.is_null() {
            unsafe { std::ptr::copy_nonoverlapping(pointer, fresh, layout.size()) };
        }
        fresh
    }
}

/// Grows the linear memory by so many pages; gives the address where the new part begins, and its pages.
#[cfg(target_arch = "wasm32")]
fn grow(pages: usize) -> Option<(usize, usize)> {
    match core::arch::wasm32::memory_grow::<0>(pages) {
        usize::MAX => None,
        before => Some((before * PAGE, pages)),
    }
}

/// Only guests use this allocator.
#[cfg(not(target_arch = "wasm32"))]
fn grow(_pages: usize) -> Option<(usize, usize)> {
    None
}
