//! Decides which accepted items the service drops.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;

use super::containers::Containers;
use super::decompress;
use super::dropped::DropReason;
use super::item::PushedItem;
use super::provider::{EMAIL_PROVIDER, ProviderState};
use super::source::SourceState;
use crate::model::{CompressionType, OrderingId, PermissionIdentity};
use crate::preflight::limit;

pub(super) struct Judge<'a> {
    providers: &'a mut BTreeMap<String, ProviderState>,
    containers: &'a Containers,
    now: OrderingId,
    elapsed: Duration,
}

impl<'a> Judge<'a> {
    pub(super) fn new(
        providers: &'a mut BTreeMap<String, ProviderState>,
        containers: &'a Containers,
        now: OrderingId,
        elapsed: Duration,
    ) -> Self {
        Self { providers, containers, now, elapsed }
    }

    /// The binary data of an item and their compression, or why the item is dropped.
    pub(super) fn check(
        &mut self,
        source: &SourceState,
        item: &PushedItem,
    ) -> Result<(Option<Bytes>, CompressionType), DropReason> {
        if !is_uri(&item.document_id) {
            return Err(DropReason::DocumentIdNotAUri);
        }
        if source.is_before_boundary(item.ordering_id, self.now) {
            return Err(DropReason::BeforeFutureDelete);
        }
        if source.is_stale(&item.document_id, item.ordering_id) {
            return Err(DropReason::StaleOrderingId);
        }
        if item.data_bytes() >= limit::DATA_BYTES {
            return Err(DropReason::DataTooLarge);
        }
        self.check_permissions(source, item)?;
        let compression = item.compression.as_ref().map(|word| word.parse()).transpose();
        let compression = compression.map_err(|_| DropReason::UnknownCompressionType)?;
        let compression = compression.unwrap_or(CompressionType::ZLib);
        let binary = match item.file_id() {
            Some(file_id) => Some(self.containers.content(file_id, self.elapsed).ok_or(DropReason::UnknownContainer)?),
            None => item.inline().transpose().map_err(|_| DropReason::UnreadableData)?,
        };
        if let Some(binary) = &binary {
            decompress::check(binary, compression).map_err(|_| DropReason::UnreadableData)?;
        }
        Ok((binary, compression))
    }

    fn check_permissions(&mut self, source: &SourceState, item: &PushedItem) -> Result<(), DropReason> {
        let Some(permissions) = &item.permissions else {
            return if source.is_secured { Err(DropReason::MissingPermissions) } else { Ok(()) };
        };
        if permissions.identities().count() > limit::PERMISSIONS {
            return Err(DropReason::TooManyPermissions);
        }
        if !source.is_secured {
            return Ok(());
        }
        if permissions.sets().next().is_none() {
            return Err(DropReason::MissingPermissions);
        }
        if permissions.identities().any(|permission| permission.identity.is_empty()) {
            return Err(DropReason::UnknownIdentity);
        }
        if !self.providers.is_empty() && !permissions.identities().all(|identity| self.is_known(identity)) {
            return Err(DropReason::UnknownIdentity);
        }
        Ok(())
    }

    fn is_known(&mut self, permission: &PermissionIdentity) -> bool {
        let PermissionIdentity { identity, identity_type, .. } = permission;
        match permission.named_provider() {
            None => self.providers.values_mut().any(|provider| provider.knows(identity, *identity_type)),
            Some(name) => match self.providers.get_mut(name) {
                Some(provider) => provider.knows(identity, *identity_type),
                None => name == EMAIL_PROVIDER,
            },
        }
    }
}

/// `scheme://` with something after it.
fn is_uri(id: &str) -> bool {
    id.split_once("://").is_some_and(|(scheme, rest)| {
        let is_of_scheme = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
        !rest.is_empty() && scheme.starts_with(|c: char| c.is_ascii_alphabetic()) && scheme.chars().all(is_of_scheme)
    })
}
