use std::borrow::Cow;
use std::sync::Arc;

use futures_core::Stream;
use serde::Serialize;

use super::item::no_object;
use super::keys::Scope;
use super::pushing::{Pushing, Unfinished};
use super::report::{PushError, Pushed};
use super::run::Run;
use super::write::{Draft, Reader, Write, Written};
use super::{PushTarget, PusherBuilder, run_methods};
use crate::api::Identities;
use crate::finding::{Finding, Preflight};
use crate::model::{Identity, IdentityBody, MappedIdentityBody, object};
use crate::preflight::{self, PushedIdentity, RunChecks};

const MEMBERS: usize = 0;
const MAPPINGS: usize = 1;
const DELETED: usize = 2;
pub(super) const LISTS: [&str; 3] = ["members", "mappings", "deleted"];

impl Identities {
    /// Pushes many security identities: any number of operations, in bounded memory, in order,
    /// losing none.
    ///
    /// ```
    /// # async fn example(client: coveo_push::PushClient) -> Result<(), Box<dyn std::error::Error>> {
    /// use coveo_push::{Identity, IdentityBody};
    ///
    /// let pusher = client.identities("My Provider").pusher().start();
    /// let group = IdentityBody::group("SampleGroup").member(Identity::user("asmith@example.com"));
    /// pusher.add_or_update(&group).await?;
    /// pusher.finish().await.into_result()?;
    /// # Ok(()) }
    /// ```
    pub fn pusher(&self) -> PusherBuilder<IdentityPusher> {
        PusherBuilder::new(self.kernel.clone(), PushTarget::Identities(Arc::clone(&self.provider_id)))
    }
}

impl PusherBuilder<IdentityPusher> {
    /// Begins the run. Its tasks are spawned on the tokio runtime that it is used on.
    #[must_use]
    pub fn start(self) -> IdentityPusher {
        let (kernel, target, settings) = self.into_parts();
        IdentityPusher { run: Run::new(kernel, target, settings), is_ended: false }
    }
}

/// Pushes any number of security identities: [`Identities::pusher`].
///
/// It works as an [`ItemPusher`](super::ItemPusher) does
/// ([article 55](https://docs.coveo.com/en/55/)). The members of an identity and its aliases are two
/// things that are replaced apart; deleting it is about both.
pub struct IdentityPusher {
    run: Arc<Run>,
    is_ended: bool,
}

run_methods!(IdentityPusher);

/// One operation of a stream of identities: [`IdentityPusher::push_stream`].
///
/// ```
/// use coveo_push::{Identity, IdentityBody, IdentityOperation, MappedIdentity, MappedIdentityBody};
///
/// let alias = MappedIdentity::user("asmith@example.com").provider("Email Security Provider");
/// let operations = [
///     IdentityOperation::add_or_update(IdentityBody::user("asmith")),
///     IdentityOperation::add_or_update_alias(MappedIdentityBody::user("asmith").alias(alias)),
///     IdentityOperation::delete(Identity::user("bjones")),
/// ];
/// # let _ = operations;
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum IdentityOperation {
    /// Adds or updates an identity with its members.
    AddOrUpdate(IdentityBody),
    /// Adds or updates the aliases of an identity.
    AddOrUpdateAlias(MappedIdentityBody),
    /// Deletes an identity.
    Delete(Identity),
}

impl IdentityOperation {
    /// Adds or updates an identity with its members.
    #[must_use]
    pub fn add_or_update(body: IdentityBody) -> Self {
        Self::AddOrUpdate(body)
    }

    /// Adds or updates the aliases of an identity.
    #[must_use]
    pub fn add_or_update_alias(body: MappedIdentityBody) -> Self {
        Self::AddOrUpdateAlias(body)
    }

    /// Deletes an identity.
    #[must_use]
    pub fn delete(identity: Identity) -> Self {
        Self::Delete(identity)
    }
}

impl IdentityPusher {
    /// Adds or updates an identity. It replaces what the provider holds: members that are left out
    /// are removed from the group.
    ///
    /// # Errors
    ///
    /// [`PushError::Stopped`] when the run has stopped; the identity was not taken then.
    pub fn add_or_update<'a>(
        &'a self,
        body: &'a IdentityBody,
    ) -> impl Future<Output = Result<Pushed, PushError>> + Send + 'a {
        let findings = || preflight::identity(body);
        self.push(MEMBERS, Scope::Main, PushedIdentity::Body(body), body, findings)
    }

    /// Adds or updates the aliases of an identity. Its granted identities (`wellKnowns`) must be
    /// those of every other push of it.
    ///
    /// # Errors
    ///
    /// [`PushError::Stopped`] when the run has stopped; the aliases were not taken then.
    pub fn add_or_update_alias<'a>(
        &'a self,
        body: &'a MappedIdentityBody,
    ) -> impl Future<Output = Result<Pushed, PushError>> + Send + 'a {
        let findings = || preflight::alias(body);
        self.push(MAPPINGS, Scope::Aliases, PushedIdentity::Alias(body), body, findings)
    }

    /// Deletes an identity, which the service calls disabling it.
    ///
    /// # Errors
    ///
    /// [`PushError::Stopped`] when the run has stopped; the deletion was not taken then.
    pub fn delete<'a>(&'a self, identity: &'a Identity) -> impl Future<Output = Result<Pushed, PushError>> + Send + 'a {
        #[derive(Serialize)]
        struct Deleted<'a> {
            identity: &'a Identity,
        }

        let findings = || preflight::names(identity, []);
        self.push(DELETED, Scope::Whole, PushedIdentity::Deleted(identity), Deleted { identity }, findings)
    }

    /// Pushes all operations of a stream, and returns how many there were. The run goes on after
    /// it.
    ///
    /// # Errors
    ///
    /// [`PushError::Stopped`] when the run has stopped.
    pub fn push_stream(
        &self,
        stream: impl Stream<Item = IdentityOperation> + Send,
    ) -> impl Future<Output = Result<u64, PushError>> + Send {
        let mut unfinished = Unfinished::new(&self.run);
        async move {
            let mut stream = std::pin::pin!(stream);
            let mut pushed = 0;
            while let Some(operation) = std::future::poll_fn(|context| stream.as_mut().poll_next(context)).await {
                match operation {
                    IdentityOperation::AddOrUpdate(body) => self.add_or_update(&body).await?,
                    IdentityOperation::AddOrUpdateAlias(body) => self.add_or_update_alias(&body).await?,
                    IdentityOperation::Delete(identity) => self.delete(&identity).await?,
                };
                pushed += 1;
            }
            unfinished.done();
            Ok(pushed)
        }
    }

    fn push<'a, T: Serialize + Send + Sync + Unpin + 'a>(
        &'a self,
        list: usize,
        scope: Scope,
        pushed: PushedIdentity<'a>,
        body: T,
        findings: impl Fn() -> Vec<Finding> + Send + Sync + Unpin + 'a,
    ) -> impl Future<Output = Result<Pushed, PushError>> + Send + 'a {
        let (switch, checks) = (self.run.kernel.shared.preflight, &self.run.settings.checks);
        // Made now, and not when it is first polled: a push that is dropped before counts as cancelled.
        let pushing = Pushing::new(&self.run, PushIdentity { list, scope, pushed, body, findings, switch, checks });
        async move {
            let became = pushing.await?;
            if became.is_taken() {
                checks.was_taken(self.run.target.id(), pushed);
            }
            Ok(became)
        }
    }
}

/// One push of an identity.
struct PushIdentity<'a, T, F> {
    list: usize,
    scope: Scope,
    pushed: PushedIdentity<'a>,
    body: T,
    findings: F,
    switch: Preflight,
    checks: &'a RunChecks,
}

impl<'a, T: Serialize, F: Fn() -> Vec<Finding>> Write<'a> for PushIdentity<'_, T, F> {
    fn list(&self) -> usize {
        self.list
    }

    fn scope(&self) -> Scope {
        self.scope
    }

    fn remedy(&self) -> &'static str {
        "put its members into groups of their own"
    }

    fn write(&self, draft: &mut Draft<'a>, _: &mut Reader) -> Result<Written<'a>, Vec<Finding>> {
        let Identity { identity_type, name, .. } = self.pushed.identity();
        draft.id = Cow::Owned([identity_type.in_identity(), ":", name].concat());
        let mut findings = (self.findings)();
        if self.switch != Preflight::Off {
            findings.extend(self.checks.identity(self.pushed));
        }
        let warnings = preflight::judge(findings, self.switch)?;
        object::write_value(&mut draft.buffer, &self.body).map_err(|error| no_object(name, &error))?;
        Ok(Written { tail: &[], warnings })
    }
}
