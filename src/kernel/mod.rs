//! The kernel: the only road to the network.
//!
//! A request is a template ([`request`]), sent by one loop ([`send`]) through one seam
//! ([`transport`]), and its response is read in one place ([`decode`]).

mod allowance;
pub(crate) mod body;
pub(crate) mod call_settings;
mod caught;
pub(crate) mod clock;
pub(crate) mod decode;
mod hint;
pub(crate) mod hold;
pub(crate) mod host;
pub(crate) mod outage;
mod progress;
pub(crate) mod rate_limit;
pub(crate) mod request;
pub(crate) mod reqwest_transport;
pub(crate) mod retry;
pub(crate) mod run_context;
pub(crate) mod send;
pub(crate) mod shared;
pub(crate) mod stats;
pub(crate) mod throttle;
pub(crate) mod trace;
pub(crate) mod transport;
pub(crate) mod wait;

/// A future on the heap, as object-safe traits return it.
pub type BoxFuture<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;
