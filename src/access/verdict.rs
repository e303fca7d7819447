//! What permissions say of somebody, and why.

use std::fmt;

use super::path::MembershipPath;

/// Whether somebody sees an item, and why: [`Permissions::evaluate`](crate::Permissions::evaluate).
///
/// It prints as one line that tells the whole reason. Levels and sets are counted from 1 there, as the
/// service's documentation counts them.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Access {
    /// They see it: a level allows them in every set. A reason for each set of that level, in order.
    Allowed(Vec<Reason>),
    /// They do not see it: a set denies them.
    Denied(Reason),
    /// They do not see it, since no level says anything of them. A reason for each level, in order: the
    /// first set of it that does not allow them; none for a level without sets.
    Unknown(Vec<Reason>),
}

impl Access {
    /// Whether they see the item.
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        matches!(self, Self::Allowed(_))
    }

    /// Whether a level denies them the item.
    #[must_use]
    pub fn is_denied(&self) -> bool {
        matches!(self, Self::Denied(_))
    }

    /// Whether no level says anything of them, which keeps the item from them, too.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown(_))
    }

    /// The reasons, whatever the verdict.
    #[must_use]
    pub fn reasons(&self) -> &[Reason] {
        match self {
            Self::Allowed(reasons) | Self::Unknown(reasons) => reasons,
            Self::Denied(reason) => std::slice::from_ref(reason),
        }
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Allowed(reasons) => {
                f.write_str("allowed in ")?;
                for (number, reason) in reasons.iter().enumerate() {
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
                Ok(())
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
                for (number, reason) in reasons.iter().enumerate() {
                    let before = if number == 0 { "neither denied nor allowed in" } else { ", nor in" };
                    write!(f, "{before} {reason}")?;
                }
                if reasons.is_empty() { f.write_str("there is no permission set") } else { Ok(()) }
            }
        }
    }
}

/// What one set had to do with a verdict. It prints as the set's place: ``level 1 `Owners`, set 2``.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    pub(super) level: usize,
    pub(super) level_name: Option<String>,
    pub(super) set: usize,
    pub(super) path: Option<MembershipPath>,
}

impl Reason {
    /// Which level, counted from 0; 0 in the simplified model.
    #[must_use]
    pub fn level_index(&self) -> usize {
        self.level
    }

    /// The name of the level, where it has one.
    #[must_use]
    pub fn level_name(&self) -> Option<&str> {
        self.level_name.as_deref()
    }

    /// Which set of the level, counted from 0.
    #[must_use]
    pub fn set_index(&self) -> usize {
        self.set
    }

    /// How they come to be whom the set names. `None` where it names nobody that they are: it is open
    /// to everybody, and they are allowed; it is not, and they are denied for not having signed in; or
    /// it says nothing of them.
    #[must_use]
    pub fn path(&self) -> Option<&MembershipPath> {
        self.path.as_ref()
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, set {}", Level(self), self.set + 1)
    }
}

/// The place of a reason's level.
struct Level<'a>(&'a Reason);

impl fmt::Display for Level<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "level {}", self.0.level + 1)?;
        match &self.0.level_name {
            Some(name) => write!(f, " `{name}`"),
            None => Ok(()),
        }
    }
}
