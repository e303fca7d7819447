//! How one identity relates to another.

/// How one identity relates to the next on a [`MembershipPath`](crate::MembershipPath).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MembershipRelation {
    /// It is a member of the next one, a group ([article 167](https://docs.coveo.com/en/167/)).
    Member,
    /// It is granted the next one, as one of its `wellKnowns`
    /// ([article 1603](https://docs.coveo.com/en/1603/)).
    Granted,
    /// Both are the same person or group ([article 142](https://docs.coveo.com/en/142/)).
    Alias,
}
