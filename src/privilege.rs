//! The privileges of a key.

use std::fmt;

/// A privilege that a key may have: a domain, such as `SOURCE`, and a level, such as `VIEW`
/// ([article 159](https://docs.coveo.com/en/159/)).
///
/// [`Operation::privilege`](crate::Operation::privilege) is the privilege that a call needs, and
/// [`Platform::has_privilege`](crate::Platform::has_privilege) asks whether the key has it.
///
/// ```
/// use coveo_push::Operation;
/// use coveo_push::platform::Privilege;
///
/// let needed = Operation::CreateSource.privilege();
/// assert_eq!(needed, Some(Privilege::new("SOURCE", "CREATE")));
/// assert_eq!(needed.unwrap().to_string(), "SOURCE CREATE");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Privilege {
    owner: &'static str,
    domain: &'static str,
    level: &'static str,
}

impl Privilege {
    /// A privilege of the platform.
    #[must_use]
    pub const fn new(domain: &'static str, level: &'static str) -> Self {
        Self { owner: "PLATFORM", domain, level }
    }

    /// The service that checks it. Default: `PLATFORM`.
    #[must_use]
    pub const fn owner(self, owner: &'static str) -> Self {
        Self { owner, ..self }
    }

    /// The service that checks it: `PLATFORM`, or another such as `SEARCH_API`.
    #[must_use]
    pub const fn owned_by(self) -> &'static str {
        self.owner
    }

    /// The domain, such as `SOURCE`.
    #[must_use]
    pub const fn domain(self) -> &'static str {
        self.domain
    }

    /// The level: `VIEW`, `EDIT` or `CREATE`.
    #[must_use]
    pub const fn level(self) -> &'static str {
        self.level
    }
}

impl fmt::Display for Privilege {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { owner: _, domain, level } = self;
        write!(f, "{domain} {level}")
    }
}
