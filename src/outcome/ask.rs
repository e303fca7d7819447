//! The service that a report asks for the outcomes of its run.

use std::time::Duration;

use sealed::Sealed;

use super::asked::AskedRun;
use super::run::FindOutcomes;
use crate::api::Logs;
use crate::push::PushReport;
use crate::refresh::{LoadOutcome, LoadReport, RefreshReport};

/// A handle that can be asked for the outcomes of a run: a [`PushClient`](crate::PushClient) or its [`Logs`] about items, and
/// [`Identities`](crate::Identities) about identities. No other type can implement it.
pub trait AsksOutcomes: Sealed {}

/// The request that a handle makes.
pub type OutcomesOf<A> = <A as Sealed>::Request;

pub(crate) mod sealed {
    use crate::outcome::asked::AskedRun;

    /// Keeps others from implementing the trait.
    pub trait Sealed {
        /// The request.
        type Request;
        /// Makes the request.
        fn outcomes_of(&self, run: AskedRun<'_>) -> Self::Request;
    }
}

impl Sealed for Logs {
    type Request = FindOutcomes;

    fn outcomes_of(&self, run: AskedRun<'_>) -> FindOutcomes {
        FindOutcomes::new(self.clone(), &run)
    }
}

impl AsksOutcomes for Logs {}

impl PushReport {
    /// Finds the outcomes of the accepted operations, by the logs of the indexing pipeline: which items were
    /// dropped, and why.
    ///
    /// A run that [tracks](crate::PusherBuilder::track_outcomes) its outcomes is told of its own items: each is indexed,
    /// removed, dropped for a reason, or unknown. Of any other run the report has no ids: then all entries that tell
    /// of trouble in the source count, from the time of the run on and whoever pushed the items.
    ///
    /// The pipeline takes minutes. `.await` asks again and again until everything is told, or until the end of
    /// [`wait`](FindOutcomes::wait): counts first, and entries only when the counts say that there are any.
    ///
    /// Of a run of security identities, ask the [`Identities`](crate::Identities) that were pushed to: the result is those
    /// that are [in error](crate::report::IdentityOutcomes) since the run, by the security cache. It is asked once.
    ///
    /// ```
    /// # async fn example(client: coveo_push::PushClient) -> Result<(), Box<dyn std::error::Error>> {
    /// # use coveo_push::DocumentBody;
    /// use std::time::Duration;
    ///
    /// let pusher = client.items("my-source").pusher().track_outcomes().start();
    /// pusher.add_or_update("https://example.com/a", &DocumentBody::text("words")).await?;
    /// let report = pusher.finish().await.into_result()?;
    /// let outcomes = report.outcomes(&client).wait(Duration::from_secs(900)).await?;
    /// println!("{outcomes}");
    /// # Ok(()) }
    /// ```
    ///
    /// ```
    /// # async fn example(client: coveo_push::PushClient) -> Result<(), Box<dyn std::error::Error>> {
    /// use coveo_push::IdentityBody;
    ///
    /// let identities = client.identities("My Provider");
    /// let pusher = identities.pusher().start();
    /// pusher.add_or_update(&IdentityBody::group("Staff")).await?;
    /// let report = pusher.finish().await.into_result()?;
    /// // … minutes later …
    /// let outcomes = report.outcomes(&identities).await?;
    /// println!("{outcomes}");
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Config`](crate::Error::Config) when the run did not go where the handle can tell of.
    pub fn outcomes<A: AsksOutcomes>(&self, service: &A) -> OutcomesOf<A> {
        service.outcomes_of(AskedRun { push: self, begin: None, is_void: false })
    }
}

impl RefreshReport {
    /// Finds the outcomes of the accepted operations: [`PushReport::outcomes`].
    pub fn outcomes<A: AsksOutcomes>(&self, service: &A) -> OutcomesOf<A> {
        self.push.outcomes(service)
    }
}

impl LoadReport {
    /// Finds the outcomes of the items: [`PushReport::outcomes`]. Those of a load whose stream was not closed are not
    /// processed, and nothing is asked.
    pub fn outcomes<A: AsksOutcomes>(&self, service: &A) -> OutcomesOf<A> {
        // The service tells its time in whole seconds.
        let begin = match &self.outcome {
            LoadOutcome::Closed(accepted) => accepted.server_time(),
            _ => None,
        };
        let begin = begin.and_then(|begin| begin.checked_sub(Duration::from_secs(1)));
        let is_void = matches!(self.outcome, LoadOutcome::NotClosed(_) | LoadOutcome::Failed(_));
        service.outcomes_of(AskedRun { push: &self.push, begin, is_void })
    }
}
