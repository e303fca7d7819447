//! The one loop: throttle, request, transport, classify, wait.

use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::decode::{self, Success};
use super::request::RequestTemplate;
use super::retry::{RetryClass, RetryPolicy, classify};
use super::run_context::RunContext;
use super::shared::Kernel;
use super::throttle::Throttle;
use super::trace;
use super::transport::AttemptLimits;
use super::wait;
use crate::credentials::ApiKey;
use crate::error::{
    ApiError, BoxError, CallRecord, CredentialsError, Error, ErrorCode, SendError, SendErrorKind, TransportError,
};
use crate::operation::{Repeat, TimeoutClass};

/// How long after an attempt of unknown fate an operation may start another, where it is repeated briefly.
const BRIEFLY: Duration = Duration::from_secs(10);

/// The settings of one call, in place of the client's.
#[derive(Debug, Clone, Default)]
pub(crate) struct CallSettings {
    pub(crate) timeout: Option<Duration>,
    pub(crate) retry: Option<RetryPolicy>,
    /// Set for the calls of a bulk run.
    pub(crate) run: Option<RunContext>,
}

impl CallSettings {
    /// The same settings, for calls that are not counted with the others.
    pub(crate) fn uncounted(&self) -> Self {
        let run = self.run.clone().map(|run| RunContext { counters: Arc::default(), ..run });
        Self { run, ..self.clone() }
    }

    /// The same settings, for calls whose attempts are counted separately as well.
    pub(crate) fn counted_by(&self, attempts: &Arc<AtomicU32>) -> Self {
        let run = self.run.clone().map(|run| RunContext { attempts: Arc::clone(attempts), ..run });
        Self { run, ..self.clone() }
    }
}

impl Kernel {
    /// Sends a request until it succeeds, cannot succeed, or must not be tried again.
    pub(crate) async fn send(&self, template: &RequestTemplate, settings: &CallSettings) -> Result<Success, Error> {
        let operation = template.operation();
        let class = operation.spec().timeout;
        let policy = settings.retry.unwrap_or(self.shared.retry);
        let limit = settings.timeout.unwrap_or_else(|| self.shared.timeouts.of(class, template.body_length()));
        let mut call = Call {
            kernel: self,
            template,
            policy,
            run: settings.run.as_ref(),
            limits: AttemptLimits::new(limit),
            latest_start: match class {
                // Just before the end of the third attempt: a fourth never starts, whatever the jitter.
                TimeoutClass::Upload if !policy.is_none() => {
                    limit.saturating_mul(3).saturating_sub(Duration::from_nanos(1))
                }
                TimeoutClass::Upload | TimeoutClass::Control => policy.deadline,
            },
            begin: Instant::now(),
            counted_from: Instant::now(),
            record: CallRecord::new(operation),
            unknown_since: None,
            refused_token: None,
            has_asked_again: false,
            throttled: Duration::ZERO,
            throttled_attempts: 0,
        };
        trace::in_span(operation, call.run()).await
    }
}

/// One call, from its first attempt to its last.
struct Call<'a> {
    kernel: &'a Kernel,
    template: &'a RequestTemplate,
    policy: RetryPolicy,
    run: Option<&'a RunContext>,
    limits: AttemptLimits,
    /// How long after its first attempt the call may start another.
    latest_start: Duration,
    begin: Instant,
    /// The start of the deadline: the first attempt, plus all waits of a paced call since then that the
    /// service or its own limit asked for.
    counted_from: Instant,
    record: CallRecord,
    /// When an attempt of unknown fate ended.
    unknown_since: Option<Instant>,
    /// The token that the service has just refused, for the next question to the provider.
    refused_token: Option<ApiKey>,
    has_asked_again: bool,
    /// How long a paced call waited because the service asked it to, which does not count for the deadline.
    throttled: Duration,
    /// The attempts of a paced call that the service throttled, which do not count as attempts.
    throttled_attempts: u32,
}

impl Call<'_> {
    async fn run(&mut self) -> Result<Success, Error> {
        let mut last = None;
        loop {
            let token = match self.admission().await {
                Ok(token) => token,
                // The last error says more than that there is no time left for a retry.
                Err(held_back @ Error::RateLimited(_)) => return Err(last.unwrap_or(held_back)),
                Err(error) => return Err(error),
            };
            if self.record.attempts == 0 {
                self.counted_from = Instant::now();
            } else if self.room_after(Duration::ZERO, false).is_none()
                && let Some(last) = last
            {
                // Getting the token took until after the deadline.
                return Err(last);
            }
            let error = match self.attempt(token.as_ref()).await {
                Ok(success) => {
                    self.kernel.shared.budget.give_back();
                    return Ok(success);
                }
                Err(error) => error,
            };
            if self.may_ask_for_another_token(&error) {
                self.refused_token = token;
                self.has_asked_again = true;
                // Another token may solve this, so it is not an error to return later.
                last = None;
                continue;
            }
            let Some(wait) = self.wait_after(&error) else { return Err(error) };
            sleep(wait).await;
            if classify(&error) == RetryClass::Throttled {
                self.was_throttled(wait);
            }
            last = Some(error);
        }
    }

    /// Waits until an attempt may start, and returns its token.
    async fn admission(&mut self) -> Result<Option<ApiKey>, Error> {
        if !self.template.is_api() {
            return Ok(None);
        }
        loop {
            self.pass_throttle().await?;
            let token = self.token().await?;
            // After the token, which may take time: the calls must keep their distance.
            if let Some(limit) = self.run.and_then(|run| run.limit.as_deref()) {
                let before = Instant::now();
                limit.acquire().await;
                self.counted_from += before.elapsed();
            }
            // Another call may have been throttled while this one waited for its token or its start.
            if self.kernel.shared.throttle.wait(Instant::now()).is_none() {
                self.refused_token = None;
                return Ok(Some(token));
            }
        }
    }

    /// Waits while calls are held back. Fails when that would take too long.
    async fn pass_throttle(&mut self) -> Result<(), Error> {
        while let Some(left) = self.kernel.shared.throttle.wait(Instant::now()) {
            let Some(room) = self.room_after(left, true) else {
                self.record.elapsed = self.begin.elapsed();
                return Err(held_back(self.record, left));
            };
            let spread = Throttle::spread(left, (self.kernel.shared.random)()).min(room);
            trace::held_back(self.record.operation, left);
            sleep(left + spread).await;
            self.was_throttled(left + spread);
        }
        Ok(())
    }

    /// How much longer than `wait` the next attempt may be delayed; `None` when `wait` is already too long.
    /// Waits that the service asked a paced call for are limited by the run's patience.
    fn room_after(&self, wait: Duration, is_throttled: bool) -> Option<Duration> {
        let (spent, most) = match self.run {
            Some(run) if is_throttled => (self.throttled, run.patience),
            _ => (self.counted_from.elapsed(), self.latest_start),
        };
        let room = most.checked_sub(spent)?.checked_sub(wait)?;
        match self.unknown_since {
            Some(since) if self.record.operation.spec().repeat == Repeat::Briefly => {
                Some(room.min(BRIEFLY.checked_sub(since.elapsed())?.checked_sub(wait)?))
            }
            _ => Some(room),
        }
    }

    fn was_throttled(&mut self, wait: Duration) {
        if let Some(run) = self.run {
            run.counters.was_throttled(wait);
            self.throttled += wait;
            self.counted_from += wait;
        }
    }

    async fn token(&self) -> Result<ApiKey, Error> {
        let token = self.kernel.credentials.token(self.refused_token.as_ref());
        let token =
            timeout(self.limits.timeout, token).await.unwrap_or_else(|_| Err("it did not give a token in time".into()));
        token.map_err(|source| self.without_token(source))
    }

    fn without_token(&self, source: BoxError) -> Error {
        CredentialsError::new(CallRecord { elapsed: self.begin.elapsed(), ..self.record }, source).into()
    }

    async fn attempt(&mut self, token: Option<&ApiKey>) -> Result<Success, Error> {
        let shared = &self.kernel.shared;
        let operation = self.record.operation;
        let authorization = match token.map(ApiKey::authorization).transpose() {
            Ok(authorization) => authorization,
            Err(source) => return Err(self.without_token(source)),
        };
        let request = self.template.request(authorization, &shared.user_agent, self.limits);
        if let Some(run) = self.run {
            run.called(self.template.is_api(), self.record.attempts > 0);
        }
        self.record.attempts += 1;
        let sent = Instant::now();
        let outcome = match timeout(self.limits.timeout, shared.transport.send(request)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(SendError::from(SendErrorKind::Timeout)),
        };
        self.record.elapsed = self.begin.elapsed();
        match outcome {
            Ok(response) => {
                let status = response.status();
                trace::responded(operation, self.record.attempts, status, sent.elapsed());
                if !operation.spec().success.contains(&status.as_u16()) {
                    self.record.may_have_been_applied |= decode::may_have_been_applied(status);
                }
                let success = decode::read(response, self.record, token, shared.now())?;
                // Not from an error: it may come from a proxy, with another clock.
                if let Some(date) = success.server_time.filter(|_| self.template.is_api()) {
                    shared.clock.set(date);
                }
                Ok(success)
            }
            Err(error) => {
                trace::not_responded(operation, self.record.attempts, error.kind(), sent.elapsed());
                self.record.may_have_been_applied |= error.kind().may_have_been_applied();
                Err(TransportError::new(self.record, error).into())
            }
        }
    }

    fn may_ask_for_another_token(&self, error: &Error) -> bool {
        let is_refused = matches!(error, Error::Unauthorized(e) if e.code() == Some(&ErrorCode::InvalidToken));
        let can_ask = self.kernel.credentials.key().is_none();
        let may_send = self.has_attempts() && self.room_after(Duration::ZERO, false).is_some();
        is_refused && can_ask && !self.has_asked_again && may_send
    }

    fn has_attempts(&self) -> bool {
        !self.policy.is_none() && self.record.attempts - self.throttled_attempts < self.policy.max_attempts
    }

    /// How long to wait before the next attempt; `None` when there is none.
    fn wait_after(&mut self, error: &Error) -> Option<Duration> {
        let shared = &self.kernel.shared;
        let class = classify(error);
        if self.record.may_have_been_applied {
            self.unknown_since.get_or_insert_with(Instant::now);
        }
        if class == RetryClass::Throttled && self.run.is_some() {
            self.throttled_attempts += 1;
        }
        if class == RetryClass::Permanent {
            return None;
        }
        let own = self.policy.backoff(self.record.attempts, (shared.random)());
        let asked = wait::bounded(error.retry_after().unwrap_or_default());
        let wait = own.max(asked);
        let is_held_back = class == RetryClass::Throttled && self.template.is_api();
        if is_held_back {
            shared.throttle.hold(Instant::now(), error.retry_after().unwrap_or(own));
        }
        let room = self.room_after(wait, class == RetryClass::Throttled).filter(|_| self.has_attempts())?;
        if class == RetryClass::Transient && !shared.budget.take() {
            trace::out_of_budget(self.record.operation);
            return None;
        }
        // Calls that were all told the same wait must not start again at once, nor those that are held
        // back. The back-off has its own jitter.
        let wait = if is_held_back && asked > own {
            wait + Throttle::spread(asked, (shared.random)()).min(room)
        } else {
            wait
        };
        trace::retrying(self.record.operation, self.record.attempts, error.status(), wait);
        Some(wait)
    }
}

/// The error of a call that was not sent because the service had asked an earlier one to wait.
fn held_back(record: CallRecord, left: Duration) -> Error {
    let code = Some(ErrorCode::TooManyRequests);
    ApiError::new(record, http::StatusCode::TOO_MANY_REQUESTS, code, None, String::new(), Some(left)).into()
}
