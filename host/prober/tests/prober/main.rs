//! The prober and the executor against a real server that misbehaves on request. The clock stands still until a test
//! moves it; sockets work as always. See `rpc_double`.

mod actions;
mod answers;
mod lifetime;
mod reach;
mod secrets;
mod sharing;
mod tenants;
mod waking;
mod world;
