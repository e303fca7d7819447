//! The one loop: throttle, hold, request, transport, classify, wait.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use tokio::runtime::Handle;
use tokio::sync::SemaphorePermit;
use tokio::time::{Instant, sleep, timeout};

use super::allowance::Allowance;
use super::call_settings::CallSettings;
use super::caught::caught;
use super::decode::{self, Success};
use super::hold::{Admission, Hold, Probe};
use super::host::HostState;
use super::outage::Outage;
use super::progress::Progress;
use super::rate_limit::{Followers, Turn};
use super::request::RequestTemplate;
use super::retry::{RetryClass, classify};
use super::shared::Kernel;
use super::throttle::Throttle;
use super::trace;
use super::transport::AttemptLimits;
use super::wait;
use crate::credentials::ApiKey;
use crate::error::{
    ApiError, BoxError, CallRecord, ConfigError, CredentialsError, Error, ErrorCode, Redactor, SendError,
    SendErrorKind, TransportError,
};
use crate::operation::{Host, TimeoutClass};

impl Kernel {
    /// Sends a request until it succeeds, cannot succeed, or must not be tried again.
    pub(crate) async fn send(&self, template: &RequestTemplate, settings: &CallSettings) -> Result<Success, Error> {
        if Handle::try_current().is_err() {
            return Err(ConfigError::new("a call needs a tokio runtime with a timer: await it inside of one").into());
        }
        let operation = template.operation();
        let class = operation.spec().timeout;
        let policy = settings.retry.unwrap_or(self.shared.retry);
        let limit = settings.timeout.unwrap_or_else(|| self.shared.timeouts.of(class));
        let mut call = Call {
            kernel: self,
            template,
            host: self.shared.hosts.get(operation.spec().host),
            allowance: Allowance::new(policy, settings.run.as_ref(), operation.spec().repeat),
            limits: AttemptLimits::for_host(operation.host(), limit),
            own_timeout: settings.timeout,
            latest_start: settings.latest_start,
            begin: Instant::now(),
            record: CallRecord::new(operation),
            refused_token: None,
            has_asked_again: false,
            has_repeated: false,
            is_out_of_budget: false,
        };
        call.host.counters.call_started();
        let host = call.host;
        let sent = trace::in_span(operation, template.resource(), settings.label(), call.run()).await;
        sent.inspect_err(|_| host.counters.call_failed())
    }
}

/// One call, from its first attempt to its last.
struct Call<'a> {
    kernel: &'a Kernel,
    template: &'a RequestTemplate,
    host: &'a HostState,
    allowance: Allowance<'a>,
    limits: AttemptLimits,
    /// The timeout of the call itself. An upload without one has its time from its latest progress on.
    own_timeout: Option<Duration>,
    /// No attempt starts later.
    latest_start: Option<Instant>,
    begin: Instant,
    record: CallRecord,
    /// The token that the service has just refused, for the next question to the provider.
    refused_token: Option<ApiKey>,
    has_asked_again: bool,
    /// Whether the request went out again at once after its connection was closed.
    has_repeated: bool,
    is_out_of_budget: bool,
}

/// The permission to start an attempt.
struct Admitted<'a> {
    token: Option<ApiKey>,
    /// At a held host the attempt is a probe.
    probe: Option<Probe>,
    /// Given back as soon as the attempt has ended.
    place: Option<SemaphorePermit<'a>>,
    /// Given back when the attempt does not start.
    turn: Option<Turn>,
}

impl<'a> Call<'a> {
    async fn run(&mut self) -> Result<Success, Error> {
        let mut last: Option<Error> = None;
        loop {
            let Admitted { token, probe, place, turn } = match self.admission().await {
                Ok(admitted) => admitted,
                Err(error @ Error::Credentials(_)) => return Err(error),
                // The earlier error says more than the lack of time for another attempt.
                Err(held) if held.held() => {
                    return Err(last.map_or(held, |last| last.ended_by_hold(self.begin.elapsed())));
                }
                Err(held_back) => return Err(last.unwrap_or(held_back)),
            };
            if self.record.attempts > 0
                && self.allowance.room_after(Duration::ZERO, RetryClass::Transient).is_none()
                && let Some(last) = last
            {
                // Getting the token took until after the deadline.
                return Err(last);
            }
            if self.latest_start.is_some_and(|latest| latest < Instant::now()) {
                return Err(self.too_late());
            }
            turn.into_iter().for_each(Turn::start);
            self.allowance.start_attempt(probe.is_some());
            let progress = Arc::new(Progress::new(self.template.body_length()));
            let sent = Instant::now();
            let outcome = self.attempt(token.as_ref(), &progress).await;
            drop(place);
            let error = match outcome {
                Ok(success) => {
                    self.host.hold.answered();
                    self.kernel.shared.budget.give_back();
                    return Ok(success);
                }
                Err(error) => error,
            };
            if classify(&error) != RetryClass::Outage && error.status().is_some() {
                self.host.hold.answered();
            }
            if self.may_ask_for_another_token(&error) {
                self.refused_token = token;
                self.has_asked_again = true;
                // Another token may solve this, so it is not an error to return later.
                last = None;
                continue;
            }
            self.allowance.put_off(progress.time());
            let took = sent.elapsed().saturating_sub(progress.time());
            let Some(wait) = self.wait_after(&error, took, probe) else {
                return Err(if self.is_out_of_budget { error.ended_by_budget() } else { error });
            };
            sleep(wait).await;
            self.waited(wait, classify(&error));
            last = Some(error);
        }
    }

    /// Waits until an attempt may start: the place is taken last, so that nobody waits with one.
    async fn admission(&mut self) -> Result<Admitted<'a>, Error> {
        loop {
            self.pass_throttle().await?;
            let probe = self.pass_hold().await?;
            let token = if self.template.is_api() { Some(self.token().await?) } else { None };
            let before = Instant::now();
            // After the token, which may take its time: the calls are to keep their distance.
            let turn = match (self.record.operation.host(), self.allowance.run) {
                (Host::Logs, _) => Some(self.kernel.shared.logs_limit.turn(Followers::None).await),
                (Host::Push | Host::Platform, Some(run)) => run.turn(self.record.operation).await,
                _ => None,
            };
            let place = self.place().await?;
            self.allowance.put_off(before.elapsed());
            // Another call may have failed or been told to wait meanwhile.
            let is_held = probe.is_none() && self.host.hold.is_held();
            if !is_held && self.host.throttle.wait(Instant::now()).is_none() {
                self.refused_token = None;
                return Ok(Admitted { token, probe, place, turn });
            }
        }
    }

    /// Waits for the place of an attempt, no longer than the timeout of the call itself.
    async fn place(&self) -> Result<Option<SemaphorePermit<'a>>, Error> {
        let place = self.host.place(self.record.operation);
        let Some(limit) = self.own_timeout else { return Ok(place.await) };
        let why = "as many requests as may be in flight for this host were, for the whole timeout of the call";
        timeout(limit, place).await.map_err(|_| self.unsent(SendError::new(SendErrorKind::Timeout, why)))
    }

    /// The error of a call that would be too late.
    fn too_late(&self) -> Error {
        let why = "what it refers to was uploaded so long ago that it may have expired";
        self.unsent(SendError::new(SendErrorKind::Request, why)).expired()
    }

    /// The error of an attempt that was not made.
    fn unsent(&self, error: SendError) -> Error {
        let record = CallRecord { elapsed: self.begin.elapsed(), ..self.record };
        TransportError::new(record, error, Redactor::new(None)).into()
    }

    /// Waits while calls are held back. Fails when that would take too long.
    async fn pass_throttle(&mut self) -> Result<(), Error> {
        while let Some(left) = self.host.throttle.wait(Instant::now()) {
            let Some(room) = self.allowance.room_after(left, RetryClass::Throttled) else {
                self.record.elapsed = self.begin.elapsed();
                return Err(held_back(self.record, left));
            };
            let spread = Throttle::spread(left, self.random()).min(room);
            trace::held_back(self.record.operation, left);
            sleep(left + spread).await;
            self.waited(left + spread, RetryClass::Throttled);
        }
        Ok(())
    }

    /// Waits while the host is held; an error when that takes too long.
    async fn pass_hold(&mut self) -> Result<Option<Probe>, Error> {
        loop {
            let patience = self.allowance.room_after(Duration::ZERO, RetryClass::Outage).unwrap_or_default();
            let before = Instant::now();
            let admission = self.host.hold.pass(patience).await;
            if matches!(admission, Admission::AfterHold) {
                sleep(Hold::spread(self.random())).await;
            }
            self.waited(before.elapsed(), RetryClass::Outage);
            match admission {
                Admission::Free => return Ok(None),
                Admission::Probe(probe) => return Ok(Some(probe)),
                Admission::AfterHold => {}
                Admission::Refused => {
                    trace::refused_by_hold(self.record.operation);
                    let record = CallRecord { held: true, elapsed: self.begin.elapsed(), ..self.record };
                    let outage = self.host.hold.last().unwrap_or(Outage::Status(StatusCode::SERVICE_UNAVAILABLE));
                    return Err(outage.error(record));
                }
            }
        }
    }

    fn waited(&mut self, time: Duration, why: RetryClass) {
        match why {
            RetryClass::Throttled => self.host.counters.was_throttled(time),
            RetryClass::Outage => self.host.counters.was_held(time),
            RetryClass::Transient | RetryClass::Permanent => {}
        }
        self.allowance.spend(time, why);
    }

    fn random(&self) -> f64 {
        (self.kernel.shared.random)()
    }

    async fn token(&self) -> Result<ApiKey, Error> {
        let token = caught(self.kernel.credentials.token(self.refused_token.as_ref()));
        let token = match timeout(self.limits.timeout, token).await {
            Ok(Ok(token)) => token,
            Ok(Err(panic)) => Err(format!("it panicked: {panic}").into()),
            Err(_) => Err("it did not give a token in time".into()),
        };
        token.map_err(|source| self.without_token(source))
    }

    fn without_token(&self, source: BoxError) -> Error {
        CredentialsError::new(CallRecord { elapsed: self.begin.elapsed(), ..self.record }, source).into()
    }

    async fn attempt(&mut self, token: Option<&ApiKey>, progress: &Arc<Progress>) -> Result<Success, Error> {
        let shared = &self.kernel.shared;
        let operation = self.record.operation;
        let authorization = match token.map(ApiKey::authorization).transpose() {
            Ok(authorization) => authorization,
            Err(source) => return Err(self.without_token(source)),
        };
        let is_upload = operation.spec().timeout == TimeoutClass::Upload;
        let watched = is_upload.then_some(progress);
        let request = self.template.request(authorization, &shared.user_agent, self.limits, watched);
        if let Some(run) = self.allowance.run {
            run.called(self.template.is_api(), self.record.attempts > 0);
        }
        self.host.counters.attempt_started(self.record.attempts > 0);
        self.record.attempts += 1;
        let sent = Instant::now();
        let response = caught(async { shared.transport.send(request).await });
        let response = match self.own_timeout {
            Some(limit) => timeout(limit, response).await.ok(),
            None => progress.within(self.limits.timeout, response).await,
        };
        let outcome = match response {
            Some(Ok(Ok(response))) if response.status().is_success() && progress.is_partial() => {
                Err(SendError::new(SendErrorKind::Disconnected, "there was a response before the whole body was sent"))
            }
            Some(Ok(outcome)) => outcome,
            Some(Err(panic)) => Err(SendError::new(SendErrorKind::Panic, panic)),
            None => Err(SendError::from(SendErrorKind::Timeout)),
        };
        self.record.elapsed = self.begin.elapsed();
        match outcome {
            Ok(response) => {
                let status = response.status();
                trace::responded(operation, self.record.attempts, status, sent.elapsed());
                let success = decode::read(response, self.template, self.record, token, shared.now())
                    .inspect_err(|error| self.record.may_have_been_applied |= error.may_have_been_applied())?;
                // An error may come from something on the way, whose clock is another one.
                if let Some(date) = success.server_time {
                    self.host.clock.set(date);
                }
                Ok(success)
            }
            Err(error) => {
                trace::not_responded(operation, self.record.attempts, error.kind(), sent.elapsed());
                self.record.may_have_been_applied |= error.kind().may_have_been_applied();
                let redactor = Redactor::new(token.map(ApiKey::expose));
                Err(TransportError::new(self.record, error, redactor).at(self.template.uri()).into())
            }
        }
    }

    fn may_ask_for_another_token(&self, error: &Error) -> bool {
        let is_refused = matches!(error, Error::Unauthorized(e) if e.code() == Some(&ErrorCode::InvalidToken));
        let can_ask = self.kernel.credentials.key().is_none();
        let has_time = self.allowance.room_after(Duration::ZERO, RetryClass::Transient).is_some();
        is_refused && can_ask && !self.has_asked_again && self.allowance.has_attempts() && has_time
    }

    /// How long to wait before the next attempt; `None` when there is to be none.
    fn wait_after(&mut self, error: &Error, took: Duration, probe: Option<Probe>) -> Option<Duration> {
        if self.record.may_have_been_applied {
            self.allowance.note_unknown_fate();
        }
        let class = classify(error);
        let own = self.allowance.policy.backoff(self.record.attempts, self.random());
        let wait = match class {
            RetryClass::Permanent => None,
            RetryClass::Throttled => self.wait_after_throttle(error, own),
            RetryClass::Transient => self.wait_after_failure(error, own),
            RetryClass::Outage => self.wait_after_outage(error, own, took, probe),
        }?;
        trace::retrying(self.record.operation, self.record.attempts, error, wait);
        Some(wait)
    }

    fn wait_after_throttle(&mut self, error: &Error, own: Duration) -> Option<Duration> {
        self.allowance.was_throttled();
        let asked = asked(error);
        let others = error.retry_after().unwrap_or(own);
        self.host.throttle.hold(Instant::now(), others);
        if others > Throttle::LONGEST {
            // Other calls wait less than the service asked for: then one of them probes the host.
            self.host.hold.begin_after(Outage::Status(StatusCode::TOO_MANY_REQUESTS), Throttle::LONGEST);
        }
        let wait = own.max(asked);
        let room = self.allowance.room_after(wait, RetryClass::Throttled).filter(|_| self.allowance.has_attempts())?;
        // The calls that were all told the same start again one by one, as those that are held back
        // by it do. Its own back-off has its jitter already.
        let spread = if asked > own { Throttle::spread(asked, self.random()).min(room) } else { Duration::ZERO };
        Some(wait + spread)
    }

    fn wait_after_failure(&mut self, error: &Error, own: Duration) -> Option<Duration> {
        let wait = own.max(asked(error));
        self.allowance.room_after(wait, RetryClass::Transient).filter(|_| self.allowance.has_attempts())?;
        if !self.kernel.shared.budget.take() {
            trace::out_of_budget(self.record.operation);
            self.is_out_of_budget = true;
            return None;
        }
        Some(wait)
    }

    /// At a held host the hold decides when the next attempt starts, and the budget is not charged.
    fn wait_after_outage(
        &mut self,
        error: &Error,
        own: Duration,
        took: Duration,
        probe: Option<Probe>,
    ) -> Option<Duration> {
        let hold = &self.host.hold;
        let outage = Outage::of(error)?;
        self.allowance.spend(took, RetryClass::Outage);
        if outage.is_closed() && self.allowance.has_attempts() && !self.has_repeated && hold.forgives_closed() {
            self.has_repeated = true;
            return Some(Duration::ZERO);
        }
        hold.failed(outage, probe.as_ref());
        let has_room = |wait| self.allowance.room_after(wait, RetryClass::Outage).is_some();
        let asked = asked(error);
        if !self.allowance.has_attempts() || !has_room(asked) {
            return None;
        }
        let wait = own.max(asked);
        if hold.is_held() {
            return Some(asked);
        }
        if !has_room(wait) {
            return None;
        }
        if !self.kernel.shared.budget.take() {
            trace::out_of_budget(self.record.operation);
            hold.begin();
            return Some(asked);
        }
        Some(wait)
    }
}

fn asked(error: &Error) -> Duration {
    wait::bounded(error.retry_after().unwrap_or_default())
}

/// The error of a call that was not sent because the service had asked an earlier one to wait.
fn held_back(record: CallRecord, left: Duration) -> Error {
    let code = Some(ErrorCode::TooManyRequests);
    ApiError::new(record, StatusCode::TOO_MANY_REQUESTS, code, None, String::new(), Some(left)).into()
}
