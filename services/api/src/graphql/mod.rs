//! The GraphQL API: the contract's schema over the use cases of `sigma-app`.
//!
//! A request comes in as an [`Ask`] of somebody who is known already. `admission` looks at what it would cost; then a
//! field's guard asks for its scope, its resolver parses, calls a use case or a read model, and presents.

mod admission;
mod arguments;
mod asset;
mod channel;
mod channel_input;
mod clip_input;
mod connection;
mod context;
mod errors;
mod event;
mod guard;
mod health;
mod introspection;
mod limits;
mod loaders;
mod mutation;
mod operation;
mod platform;
mod project;
mod projection;
mod query;
mod root;
mod scalars;
mod session;
mod storage;
mod subscription;
mod token;
mod watch;

use std::sync::Arc;

use async_graphql::{Schema, SchemaBuilder};
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use sigma_app::{App, Identity, ReadModels};
use tokio_util::sync::CancellationToken;

use crate::addresses::Origin;
use crate::http::Component;
use crate::nodes::Nodes;
use admission::Carrier;
use context::Behind;
use introspection::Introspection;
use loaders::Loaders;
use mutation::Mutation;
use query::Query;
use subscription::Subscription;

pub use async_graphql::{ID, Request, Response};
pub use health::{HealthSample, IngestHealth, NothingOnAir, StandingWarning};
pub use limits::{Operation, QueryLimits, admit};
pub use operation::Kind;
pub use platform::{PlatformFacts, SettingInForce};
pub use projection::{ParkedLine, ProjectionError, ProjectionRow, ProjectionState, Projections};
pub use scalars::Long;

pub(crate) use errors::{Code, Fault};
pub(crate) use scalars::{DateTime, rfc3339};

/// All that the API is put together from.
pub struct ApiParts {
    /// The use cases.
    pub app: Arc<App>,
    /// The read models that queries see.
    pub reads: Arc<dyn ReadModels>,
    /// The read models as an operator sees them.
    pub projections: Arc<dyn Projections>,
    /// The health of feeds, as the media plane knows it.
    pub health: Arc<dyn IngestHealth>,
    /// Who is asked how the platform stands: the same as at `/readyz`.
    pub components: Vec<Arc<dyn Component>>,
    /// The platform's nodes.
    pub nodes: Arc<dyn Nodes>,
    /// What is known of the process from its start on.
    pub facts: PlatformFacts,
    /// What one request may cost.
    pub limits: QueryLimits,
}

type Sdl = Schema<Query, Mutation, Subscription>;

/// The GraphQL API. Cheap to clone.
#[derive(Clone)]
pub struct Api {
    schema: Sdl,
    behind: Behind,
    loaders: Loaders,
    introspection: Introspection,
    limits: QueryLimits,
}

/// One well-formed request as it came through the door, and who asks.
pub struct Ask {
    /// The request.
    pub request: Request,
    /// The body as it came: an idempotency key stands for it.
    pub body: Bytes,
    /// Who asks.
    pub identity: Identity,
    /// The header `Idempotency-Key`, whatever it holds.
    pub idempotency_key: Option<String>,
    /// The addresses as he sees them.
    pub origin: Origin,
    /// What ties all that comes of the request together.
    pub request_id: String,
}

/// One request's answer, and the operation that ran, for the log and the figures.
pub struct Answered {
    /// The answer.
    pub response: Response,
    /// The operation; none where the request was not let in.
    pub operation: Option<Operation>,
}

/// One request that is answered as often as there is something to tell.
pub struct Subscribed {
    /// The operation; none where the request was not let in.
    pub operation: Option<Operation>,
    /// Cancelled once a subscription has its place: what happens from then on is told. Nothing says so before the answers are
    /// asked for.
    pub placed: CancellationToken,
    /// The answers.
    pub answers: BoxStream<'static, Response>,
}

/// The schema in its own language, as it is written to `schema/graphql/schema.graphql`.
pub fn sdl() -> String {
    schema(QueryLimits::default()).finish().sdl()
}

fn schema(limits: QueryLimits) -> SchemaBuilder<Query, Mutation, Subscription> {
    Schema::build(Query, Mutation, Subscription)
        .limit_depth(limits.depth)
        .limit_complexity(limits.complexity)
        .limit_directives(limits.directives)
}

impl Api {
    /// Puts the API together.
    pub fn new(parts: ApiParts) -> Self {
        let ApiParts { app, reads, projections, health, components, nodes, facts, limits } = parts;
        let loaders = Loaders::new(Arc::clone(&app), Arc::clone(&reads));
        let (components, facts) = (components.into(), Arc::new(facts));
        let behind = Behind { app, reads, projections, health, components, nodes, facts };
        let schema = schema(limits).data(behind.clone()).finish();
        Self { schema, behind, loaders, introspection: Introspection::default(), limits }
    }

    pub(crate) fn app(&self) -> &Arc<App> {
        &self.behind.app
    }

    pub(crate) fn reads(&self) -> &Arc<dyn ReadModels> {
        &self.behind.reads
    }

    /// Whether a request is for a subscription, as far as it is one that may run.
    pub(crate) fn follows(&self, request: &mut Request) -> bool {
        let operation = limits::admit(request, &self.limits);
        operation.is_ok_and(|operation| operation.kind == Some(Kind::Subscription))
    }

    /// Answers one request once. Every error has a code of the contract.
    pub async fn execute(&self, ask: Ask) -> Answered {
        let (response, operation) = match self.admit(ask, Carrier::Once, CancellationToken::new()) {
            Ok((request, operation)) => (self.schema.execute(request).await, Some(operation)),
            Err(errors) => (Response::from_errors(errors), None),
        };
        Answered { response: errors::present(response), operation }
    }

    /// Answers one request as often as there is something to tell; a question or a command once. It ends with what it
    /// follows, or with an error. Nothing is buffered: who does not ask for the next answer is told sooner or later that he
    /// is too slow. Whether the token still holds is the door's to see.
    pub fn subscribe(&self, ask: Ask) -> Subscribed {
        let placed = CancellationToken::new();
        let (operation, answers) = match self.admit(ask, Carrier::Stream, placed.clone()) {
            Ok((request, operation)) => {
                (Some(operation), self.schema.execute_stream(request).map(errors::present).boxed())
            }
            Err(errors) => {
                (None, stream::once(async { errors::present(Response::from_errors(errors)) }).boxed())
            }
        };
        Subscribed { operation, placed, answers }
    }
}
