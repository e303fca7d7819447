//! The models of the platform API. Those that the service writes hold all that it wrote.

mod field;
mod identity_state;
mod object;
mod organization;
mod provider;
mod source;

pub use field::{FieldModel, FieldOutcome, FieldResult, FieldType};
pub use identity_state::{IdentityCacheState, IdentityState, IdentityUpdateResult};
pub use organization::{LicenceLimit, LicenceLimits, OrganizationStatus};
pub use provider::{NewSecurityProvider, SecurityProviderModel};
pub use source::{NewSource, SourceModel, SourceState, SourceVisibility};
