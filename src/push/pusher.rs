//! What the pushers have in common: how a run is followed and ended.

macro_rules! run_methods {
    ($pusher:ident) => {
        impl $pusher {
            /// Follows the run: the channel has a new value at every batch and every few hundred
            /// pushes, and closes when the run has ended.
            #[must_use]
            pub fn progress(&self) -> tokio::sync::watch::Receiver<crate::Progress> {
                self.intake.account.progress()
            }

            /// The settings of the run's calls, for calls that are not part of its account.
            pub(crate) fn call_settings(&self) -> crate::kernel::send::CallSettings {
                self.intake.account.calls.uncounted()
            }

            /// Sends everything that was pushed so far and waits until it is accepted or failed. Operations that
            /// other tasks push meanwhile are not waited for.
            ///
            /// # Errors
            ///
            /// [`PushError::Stopped`](crate::PushError::Stopped) when the run has stopped.
            pub async fn flush(&self) -> Result<(), crate::PushError> {
                self.intake.account.flush().await
            }

            /// Sends the rest, waits until everything is done, and reports what became of every operation.
            ///
            /// A future that is dropped before it is done aborts the run.
            #[must_use = "only the report tells which operations failed or were not sent"]
            pub async fn finish(mut self) -> crate::PushReport {
                self.intake.account.seal_filling();
                let report = self.intake.account.report().await;
                self.is_ended = true;
                report
            }

            /// Ends the run without sending the rest, and reports what became of every operation.
            /// Batches under way are cut off; those whose last step was under way may have been applied.
            pub async fn abort(mut self) -> crate::PushReport {
                self.is_ended = true;
                self.intake.account.abort();
                self.intake.account.report().await
            }
        }

        /// Ends the run as `abort` does, without waiting. Batches that are left go to the handler for
        /// failed batches, where there is one.
        impl Drop for $pusher {
            fn drop(&mut self) {
                if !self.is_ended {
                    self.intake.account.abort();
                }
            }
        }

        impl std::fmt::Debug for $pusher {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let destination = &self.intake.account.destination;
                f.debug_struct(stringify!($pusher)).field("destination", destination).finish_non_exhaustive()
            }
        }
    };
}

pub(super) use run_methods;
