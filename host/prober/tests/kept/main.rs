//! What an answer takes in memory, counted by the allocator: about as much as its text.

use opstack_core::ids::{GroupKind, ObjectKey};
use opstack_core::probe::{Probe, Question, RpcCall, Target};
use opstack_prober::{Config, Endpoint, EndpointUrl, Prober, Reach, Resolve};
use rpc_double::{Double, Fault, bounded};
use serde_json::json;
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Counts bytes in use.
struct Counting;

static IN_USE: AtomicUsize = AtomicUsize::new(0);

#[allow(unsafe_code, reason = "a global allocator is an unsafe trait; sound because the system's does all but count")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        IN_USE.fetch_add(layout.size(), Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        IN_USE.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

struct ToItself;

impl Resolve for ToItself {
    fn resolve<'a>(&'a self, target: &'a Target) -> futures::future::BoxFuture<'a, Result<Vec<Endpoint>, String>> {
        let Target::Url(url) = target else { return Box::pin(async { Err("no URL".into()) }) };
        let url = EndpointUrl::plain(url).map_err(|error| error.to_string());
        Box::pin(async { url.map(|url| vec![Endpoint { pod: String::new(), url }]) })
    }
}

#[tokio::test]
async fn an_answer_of_a_megabyte_is_kept_as_a_megabyte() {
    const MIB: usize = 1024 * 1024;
    let node = Double::start().await;
    let text = format!(r#"{{"jsonrpc":"2.0","id":0,"result":[{}[]]}}"#, "[],".repeat(MIB / 3 - 100));
    node.spoil_all(Fault::Text(text));
    let reach = Reach { allow: vec!["127.0.0.0/8".parse().unwrap()], ..Reach::default() };
    let config = Config { spread: Duration::ZERO, reach, ..Config::default() };
    let prober = Prober::new(config, Arc::new(ToItself), Arc::new(|_| {})).unwrap();
    let key = ObjectKey::new(GroupKind::new("g", "K"), "ns", "a");
    let probe = Probe {
        id: "a".into(),
        target: Target::Url(node.url()),
        question: Question::JsonRpc(vec![RpcCall { method: "m".into(), params: json!([]) }]),
        interval: Duration::from_secs(3600),
        timeout: Duration::from_secs(30),
        wake_on: vec!["/0/result".into(), "/0/result/7".into()],
    };
    let before = IN_USE.load(Ordering::Relaxed);
    prober.declare(&key, &[probe]);
    let kept = async {
        while prober.observations(&key).is_empty() || IN_USE.load(Ordering::Relaxed) > before + 3 * MIB {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    bounded("the answer to take no more than three times its size", kept).await;
    assert!(prober.observations(&key)[0].answer.as_ref().is_ok_and(|text| text.len() > MIB - 1000));
    assert!((MIB - 1000..MIB + 1000).contains(&prober.bytes()), "{}", prober.bytes());
}
