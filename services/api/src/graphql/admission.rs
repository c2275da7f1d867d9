//! What is looked at before a request runs: what it would cost, what its headers ask, and as whom it runs.

use async_graphql::{Request, ServerError};
use bytes::Bytes;
use sigma_app::{Caller, Idempotency, MAX_IDEMPOTENCY_KEY};
use tokio_util::sync::CancellationToken;

use super::context::Asked;
use super::errors::{Code, Fault};
use super::limits::{self, Operation};
use super::operation::Kind;
use super::{Api, Ask, arguments, root};

/// How answers reach who asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Carrier {
    /// One answer to one question.
    Once,
    /// As many as come.
    Stream,
}

impl Api {
    /// Lets a request in, or says what is wrong with it. What is cheap to look at is looked at first. `placed` is cancelled once a
    /// subscription has its place.
    pub(super) fn admit(
        &self,
        ask: Ask,
        carrier: Carrier,
        placed: CancellationToken,
    ) -> Result<(Request, Operation), Vec<ServerError>> {
        let refuse = |fault: Fault| vec![fault.into_server_error()];
        let Ask { mut request, body, identity, idempotency_key, origin, request_id } = ask;
        let operation = limits::admit(&mut request, &self.limits)?;
        let follows = operation.kind == Some(Kind::Subscription);
        if follows && carrier == Carrier::Once {
            return Err(refuse(no_stream()));
        }
        let variables = std::mem::take(&mut request.variables);
        let document = request.parsed_query().map_err(|error| vec![error])?;
        arguments::admit(document, &variables).map_err(refuse)?;
        self.introspection.admit(document, identity.actor.id()).map_err(refuse)?;
        if follows && let Some(opened) = root::opened(document).map_err(refuse)? {
            request.set_parsed_query(opened);
        }
        request.variables = variables;
        let mut caller = Caller { correlation: Some(request_id), ..identity.caller() };
        caller.idempotency = idempotency(idempotency_key, &operation, &body).map_err(refuse)?;
        let project = caller.project.as_str();
        let loaded = match operation.kind {
            Some(Kind::Subscription) => self.loaders.for_subscribers(project),
            Some(Kind::Mutation) => self.loaders.for_commands(project),
            _ => self.loaders.for_request(project),
        };
        Ok((request.data(Asked { identity, caller, origin, loaded, placed }), operation))
    }
}

/// What the `Idempotency-Key` header asks for, if it can be honoured.
fn idempotency(
    key: Option<String>,
    operation: &Operation,
    body: &Bytes,
) -> Result<Option<Idempotency>, Fault> {
    let Some(key) = key else {
        return Ok(None);
    };
    let sound =
        !key.is_empty() && key.len() <= MAX_IDEMPOTENCY_KEY && key.bytes().all(|b| b.is_ascii_graphic());
    if !sound {
        let message = format!(
            "Idempotency-Key must be 1 to {MAX_IDEMPOTENCY_KEY} visible ASCII characters, without blanks"
        );
        return Err(Fault::field("Idempotency-Key", message));
    }
    match operation.mutations {
        Some(1) => Ok(Some(Idempotency { key, body: body.to_vec() })),
        // A query changes nothing, so there is nothing to honour once.
        None => Ok(None),
        Some(found) => {
            let message = format!("with an Idempotency-Key a request holds one mutation field, not {found}");
            Err(Fault::new(Code::BadInput, message))
        }
    }
}

fn no_stream() -> Fault {
    let message = "a subscription has more than one answer: ask over the WebSocket at /graphql/ws, or send \
                   Accept: text/event-stream";
    Fault::new(Code::BadInput, message).because("NO_STREAM")
}
