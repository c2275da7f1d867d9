//! The GraphQL API: the contract's schema over the use cases of `sigma-app`.

mod channel;
mod connection;
mod context;
mod errors;
mod limits;
mod loaders;
mod mutation;
mod operation;
mod projection;
mod query;
mod scalars;
mod session;

use std::sync::Arc;

use async_graphql::{EmptySubscription, Request, Response, Schema, ServerError};
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use sigma_app::{App, Caller, Idempotency, Identity, MAX_IDEMPOTENCY_KEY, ReadModels};

use crate::addresses::Origin;
use context::{Asked, Behind};
use mutation::Mutation;
use query::Query;

pub use async_graphql::ID;
pub use limits::QueryLimits;
pub use projection::{ParkedLine, ProjectionError, ProjectionRow, ProjectionState, Projections};
pub use scalars::Long;

pub(crate) use errors::{Code, Fault};
pub(crate) use limits::Operation;
pub(crate) use operation::Kind;
pub(crate) use scalars::rfc3339;

/// All that the API is put together from.
pub struct ApiParts {
    /// The use cases.
    pub app: Arc<App>,
    /// The read models that queries see.
    pub reads: Arc<dyn ReadModels>,
    /// The read models as an operator sees them.
    pub projections: Arc<dyn Projections>,
    /// What one request may cost.
    pub limits: QueryLimits,
}

type Sdl = Schema<Query, Mutation, EmptySubscription>;

/// The GraphQL API. Cheap to clone.
#[derive(Clone)]
pub struct Api {
    schema: Sdl,
    behind: Behind,
    limits: QueryLimits,
}

/// One well-formed request as it came through the door, and who asks.
pub(crate) struct Ask {
    pub(crate) request: Request,
    /// The body as it came: an idempotency key stands for it.
    pub(crate) body: Bytes,
    pub(crate) identity: Identity,
    pub(crate) idempotency_key: Option<String>,
    pub(crate) origin: Origin,
    pub(crate) request_id: String,
}

/// One request's answer, and the operation that ran, for the log and the figures.
pub(crate) struct Answered {
    pub(crate) response: Response,
    pub(crate) operation: Option<Operation>,
}

/// The schema in its own language, as it is written to `schema/graphql/schema.graphql`.
pub fn sdl() -> String {
    schema(QueryLimits::default()).finish().sdl()
}

fn schema(limits: QueryLimits) -> async_graphql::SchemaBuilder<Query, Mutation, EmptySubscription> {
    Schema::build(Query, Mutation, EmptySubscription)
        .limit_depth(limits.depth)
        .limit_complexity(limits.complexity)
        .limit_directives(limits.directives)
}

impl Api {
    /// Puts the API together.
    pub fn new(parts: ApiParts) -> Self {
        let behind = Behind { app: parts.app, reads: parts.reads, projections: parts.projections };
        let schema = schema(parts.limits).data(behind.clone()).finish();
        Self { schema, behind, limits: parts.limits }
    }

    pub(crate) fn app(&self) -> &Arc<App> {
        &self.behind.app
    }

    pub(crate) fn reads(&self) -> &Arc<dyn ReadModels> {
        &self.behind.reads
    }

    /// Answers one request. Every error has a code of the contract.
    pub(crate) async fn execute(&self, ask: Ask) -> Answered {
        let (mut response, operation) = match self.admit(ask) {
            Ok((request, operation)) => (self.schema.execute(request).await, Some(operation)),
            Err(errors) => (Response::from_errors(errors), None),
        };
        response.errors.iter_mut().for_each(errors::classify);
        Answered { response, operation }
    }

    /// Answers one request as often as there is something to tell; a question or a command once.
    pub(crate) fn subscribe(&self, ask: Ask) -> (Option<Operation>, BoxStream<'static, Response>) {
        let present = |mut response: Response| {
            response.errors.iter_mut().for_each(errors::classify);
            response
        };
        match self.admit(ask) {
            Ok((request, operation)) => {
                (Some(operation), self.schema.execute_stream(request).map(present).boxed())
            }
            Err(errors) => {
                (None, stream::once(async move { present(Response::from_errors(errors)) }).boxed())
            }
        }
    }

    /// Looks at what the request would cost, before anything runs.
    fn admit(&self, ask: Ask) -> Result<(Request, Operation), Vec<ServerError>> {
        let refuse = |fault: Fault| vec![fault.into_server_error()];
        let mut request = ask.request;
        let operation = limits::admit(&mut request, &self.limits)?;
        let mut caller = Caller { correlation: Some(ask.request_id), ..ask.identity.caller() };
        if let Some(key) = ask.idempotency_key {
            check_idempotency_key(&key).map_err(refuse)?;
            match operation.mutations {
                Some(1) => caller.idempotency = Some(Idempotency { key, body: ask.body.to_vec() }),
                // A query changes nothing, so there is nothing to honour once.
                None => {}
                Some(found) => {
                    let message =
                        format!("with an Idempotency-Key a request holds one mutation field, not {found}");
                    return Err(refuse(Fault::new(Code::BadInput, message)));
                }
            }
        }
        let loaded = loaders::rows(Arc::clone(&self.behind.reads), caller.project.to_string());
        Ok((request.data(Asked { caller, origin: ask.origin, loaded }), operation))
    }
}

fn check_idempotency_key(key: &str) -> Result<(), Fault> {
    let sound =
        !key.is_empty() && key.len() <= MAX_IDEMPOTENCY_KEY && key.bytes().all(|b| b.is_ascii_graphic());
    if sound {
        return Ok(());
    }
    let message = format!(
        "Idempotency-Key must be 1 to {MAX_IDEMPOTENCY_KEY} visible ASCII characters, without blanks"
    );
    Err(Fault::field("Idempotency-Key", message))
}
