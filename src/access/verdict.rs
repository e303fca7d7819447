//! The result of evaluating permissions: a verdict with its reasons.

use std::fmt;

use super::path::MembershipPath;
use crate::model::words::one_line;

/// Whether a viewer sees an item, and why: [`Permissions::evaluate`](crate::Permissions::evaluate).
///
/// It prints as one line with the first few of its reasons. Levels and sets are counted from 1 there, as in the service's
/// documentation.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Access {
    /// The viewer sees the item: every set of a level allows them. A reason for each set of that level,
    /// in order.
    Allowed(Vec<AccessReason>),
    /// The viewer does not see the item: a set denies them.
    Denied(AccessReason),
    /// The viewer does not see the item: no level decides. A reason for each level, in order: its first
    /// set that does not allow them. A level without sets has no reason.
    Unknown(Vec<AccessReason>),
}

impl Access {
    /// Whether the viewer sees the item.
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        matches!(self, Self::Allowed(_))
    }

    /// Whether a set denies the viewer.
    #[must_use]
    pub fn is_denied(&self) -> bool {
        matches!(self, Self::Denied(_))
    }

    /// Whether no level decides. The item is not shown then.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown(_))
    }

    /// The reasons of any verdict.
    #[must_use]
    pub fn reasons(&self) -> &[AccessReason] {
        match self {
            Self::Allowed(reasons) | Self::Unknown(reasons) => reasons,
            Self::Denied(reason) => std::slice::from_ref(reason),
        }
    }
}

/// How many reasons are printed.
const PRINTED: usize = 10;

/// Prints how many reasons are left out.
fn more(reasons: &[AccessReason], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match reasons.len().saturating_sub(PRINTED) {
        0 => Ok(()),
        more => write!(f, ", and {more} more"),
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Allowed(reasons) => {
                f.write_str("allowed in ")?;
                for (number, reason) in reasons.iter().take(PRINTED).enumerate() {
                    match number {
                        0 => write!(f, "{}: by ", Level(reason))?,
                        _ => f.write_str(", by ")?,
                    }
                    write!(f, "set {} ", reason.set + 1)?;
                    match &reason.path {
                        Some(path) => write!(f, "({path})")?,
                        None => f.write_str("(everybody)")?,
                    }
                }
                more(reasons, f)
            }
            Self::Denied(reason) => {
                write!(f, "denied in {reason}")?;
                match &reason.path {
                    Some(path) => write!(f, " ({path})"),
                    None => f.write_str(" (an unauthenticated user, and the set is not open to everybody)"),
                }
            }
            Self::Unknown(reasons) => {
                f.write_str("unknown: ")?;
                for (number, reason) in reasons.iter().take(PRINTED).enumerate() {
                    let before = if number == 0 { "neither denied nor allowed in" } else { ", nor in" };
                    write!(f, "{before} {reason}")?;
                }
                if reasons.is_empty() { f.write_str("there is no permission set") } else { more(reasons, f) }
            }
        }
    }
}

/// The part of one permission set in a verdict. It prints as the position of the set:
/// ``level 1 `Owners`, set 2``.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessReason {
    pub(super) level: usize,
    pub(super) level_name: Option<String>,
    pub(super) set: usize,
    pub(super) path: Option<MembershipPath>,
}

impl AccessReason {
    /// The index of the level, from 0. Always 0 in the simplified model.
    #[must_use]
    pub fn level_index(&self) -> usize {
        self.level
    }

    /// The name of the level, if it has one.
    #[must_use]
    pub fn level_name(&self) -> Option<&str> {
        self.level_name.as_deref()
    }

    /// The index of the set in its level, from 0.
    #[must_use]
    pub fn set_index(&self) -> usize {
        self.set
    }

    /// The path to the identity that the set names. `None` when the set names none of the viewer's
    /// identities: it allows everybody, it denies viewers who have not signed in, or it does not
    /// decide.
    #[must_use]
    pub fn path(&self) -> Option<&MembershipPath> {
        self.path.as_ref()
    }
}

impl fmt::Display for AccessReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, set {}", Level(self), self.set + 1)
    }
}

/// Prints the level of a reason.
struct Level<'a>(&'a AccessReason);

impl fmt::Display for Level<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "level {}", self.0.level + 1)?;
        match &self.0.level_name {
            Some(name) => write!(f, " `{}`", one_line(name)),
            None => Ok(()),
        }
    }
}
