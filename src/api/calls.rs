//! How many calls of one caller are being taken at once, whatever they are: a request that never
//! comes to its end holds up to a message's worth of memory.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tonic::body::Body;
use tower::{Layer, Service};

use super::identity::Identity;
use super::status::to_status;
use crate::domain::limits::CALLS;
use crate::exchange::gates::Gate;

/// Lets so many calls of each caller through, until they are answered: what a stream of answers
/// takes after that is bounded where it is made.
#[derive(Clone)]
pub struct Calls(Arc<Gate>);

impl Default for Calls {
    fn default() -> Self {
        Self(Gate::new("calls", CALLS))
    }
}

impl<S> Layer<S> for Calls {
    type Service = Gated<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Gated { inner, gate: self.0.clone() }
    }
}

/// A service behind the gate.
#[derive(Clone)]
pub struct Gated<S> {
    inner: S,
    gate: Arc<Gate>,
}

impl<S> Service<http::Request<Body>> for Gated<S>
where
    S: Service<http::Request<Body>, Response = http::Response<Body>, Future: Send + 'static>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        // Without an identity no service answers: all such calls count as one caller's.
        let who = request.extensions().get::<Identity>().map_or("", Identity::name);
        match self.gate.enter(who) {
            Ok(pass) => {
                let answering = self.inner.call(request);
                Box::pin(async move {
                    let answered = answering.await;
                    drop(pass);
                    answered
                })
            }
            Err(error) => {
                let refused = to_status(error).into_http();
                Box::pin(async move { Ok(refused) })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    type Answer = Result<http::Response<Body>, Infallible>;

    fn request(agency: &str) -> http::Request<Body> {
        let mut request = http::Request::new(Body::default());
        let identity = Identity::Agency { name: agency.into(), key_digest: [7; 32] };
        request.extensions_mut().insert(identity);
        request
    }

    #[tokio::test]
    async fn requests_that_never_end_keep_only_their_own_caller_out() {
        let never = tower::service_fn(|_| std::future::pending::<Answer>());
        let calls = Calls::default();
        let mut service = calls.layer(never);
        let mut held: Vec<_> = (0..CALLS.each).map(|_| service.call(request("one"))).collect();
        let refused = service.call(request("one")).await.expect("answered");
        let status = tonic::Status::from_header_map(refused.headers()).expect("a status");
        assert_eq!(status.code(), tonic::Code::ResourceExhausted);
        let at_once = tower::service_fn(|_| async { Answer::Ok(http::Response::default()) });
        let mut service = calls.layer(at_once);
        let served = service.call(request("other")).await.expect("answered");
        assert!(served.headers().get("grpc-status").is_none(), "another is let through");
        held.pop();
        let served = service.call(request("one")).await.expect("answered");
        assert!(served.headers().get("grpc-status").is_none(), "one has ended");
    }
}
