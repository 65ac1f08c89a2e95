//! The guest's allocator: it only ever moves forward, because an instance lives for one call.
#![allow(unsafe_code, reason = "a global allocator is an unsafe trait; sound because a guest has one thread")]

use std::alloc::{GlobalAlloc, Layout};
use std::cell::UnsafeCell;

const PAGE: usize = 64 * 1024;

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

    /// Makes `[.., end)` usable, growing the memory by a sixteenth of a megabyte at least.
    fn reach(&self, end: usize) -> bool {
        // SAFETY: one thread, and no reference outlives this function.
        let space = unsafe { &mut *self.space.get() };
        if end <= space.1 {
            return true;
        }
        let pages = (end - space.1).div_ceil(PAGE);
        grow(pages).is_some_and(|start| {
            if space.1 == 0 {
                // First use: everything below belongs to the data and the stack.
                space.0 = start;
            }
            space.1 = start + pages * PAGE;
            true
        })
    }
}

impl Default for Bump {
    fn default() -> Self {
        Self::new()
    }
}

// SAFETY: blocks never overlap, since `space.0` only grows past what was handed out.
unsafe impl GlobalAlloc for Bump {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if unsafe { (*self.space.get()).1 } == 0 && !self.reach(1) {
            return std::ptr::null_mut();
        }
        let next = unsafe { (*self.space.get()).0 };
        let start = next.next_multiple_of(layout.align());
        let Some(end) = start.checked_add(layout.size()) else { return std::ptr::null_mut() };
        if !self.reach(end) {
            return std::ptr::null_mut();
        }
        unsafe { (*self.space.get()).0 = end };
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
        if last && self.reach(start + size) {
            unsafe { (*self.space.get()).0 = start + size };
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

/// Grows the linear memory and returns the address where the new part begins.
#[cfg(target_arch = "wasm32")]
fn grow(pages: usize) -> Option<usize> {
    match core::arch::wasm32::memory_grow::<0>(pages) {
        usize::MAX => None,
        before => Some(before * PAGE),
    }
}

/// Only guests use this allocator.
#[cfg(not(target_arch = "wasm32"))]
fn grow(_pages: usize) -> Option<usize> {
    None
}
